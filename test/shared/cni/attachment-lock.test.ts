/** Calls for one attachment at the same time: a runtime that died and came back calls DEL while its ADD still works. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, distBin } from "../../helpers/index.ts";
import {
  gatedPath,
  gateFolder,
  installGate,
  startGatedAdd,
  stateWithoutGates,
} from "../../plugins/attachment/gate.ts";
import { failed, Host, hostLocal, type Keys, subnet4, succeeded } from "../../plugins/attachment/host.ts";

const impatient = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", PODWIRE_LOCK_TIMEOUT: "0.3" };

const networkOf = (type: string): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type,
  ...(type === "bridge" ? { bridge: "br0", isGateway: true } : {}),
  ipMasq: true,
  ipam: { ...hostLocal([subnet4]), type: "gated" },
});

describe.runIf(canRun("ip", "nft", "mkfifo")).each(["bridge", "ptp"])("DEL during an ADD (%s)", (type) => {
  const config = networkOf(type);
  const gated = { path: gatedPath };
  const create = async () => {
    const host = await Host.create(type);
    const [pod, other] = await host.pods("a", "b");
    await installGate(host);
    await host.add(other, config, gated);
    const before = await stateWithoutGates(host);
    await installGate(host, pod);
    return {
      host,
      pod,
      other,
      before,
      state: () => stateWithoutGates(host),
      [Symbol.asyncDispose]: () => host.node.dispose(),
    };
  };

  test("waits for it, and then leaves nothing", async () => {
    await using world = await create();
    const { host, pod } = world;
    const add = await startGatedAdd(host, pod, config);
    const request = host.request("DEL", pod, config, gated);
    const del = host.node.startPlugin(host.executable, request);
    // It has opened the lock's file and waits: it must not have ended before the ADD.
    const opened = () =>
      host.node.exec("sh", ["-c", `ls -l /proc/${del.pid}/fd | grep -c locks/attachment-`], {
        reject: false,
      });
    await expect.poll(async () => (await opened()).stdout.trim(), { interval: 10 }).toBe("1");
    await add.open();
    expect(await add.ended).toMatchObject({ exitCode: 0 });
    expect(await del.ended).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await world.state()).toEqual(world.before);
  });

  test("names the ADD when its time is over, and changes nothing", async () => {
    await using world = await create();
    const { host, pod } = world;
    const add = await startGatedAdd(host, pod, config);
    const run = await host.call("DEL", pod, config, { ...gated, env: impatient });
    failed(run, 11, new RegExp(`interface eth0 of container id-a .* PID ${add.process.pid} \\(.*${type}`));
    await add.open();
    succeeded(await add.ended);
    await host.del(pod, config, gated);
    expect(await world.state()).toEqual(world.before);
  });

  test("does not wait for other containers, nor for another interface of the same one", async () => {
    await using world = await create();
    const { host, pod, other } = world;
    const add = await startGatedAdd(host, pod, config);
    await host.del(other, config, { ...gated, env: impatient });
    await host.del({ ...pod, ifname: "eth1" }, config, { ...gated, env: impatient });
    await add.open("fail");
    failed(await add.ended, 111);
  });

  test("waits for what a killed ADD has started", async () => {
    await using world = await create();
    const { host, pod } = world;
    const child = "#!/bin/sh\nif [ $CNI_COMMAND = ADD ]; then sleep 1000 & echo $! > /run/child; wait; fi\n";
    writeFileSync(host.node.path(`${gateFolder}/gated`), child, { mode: 0o755 });
    const request = host.request("ADD", pod, config, gated);
    const add = host.node.startPlugin(host.executable, request);
    await expect.poll(() => existsSync(host.node.path("/run/child"))).toBe(true);
    const sleeper = async () => (await host.node.exec("cat", ["/run/child"])).stdout.trim();
    await expect.poll(sleeper).toMatch(/^\d+$/);
    await add.stop("SIGKILL");
    const run = await host.call("DEL", pod, config, { ...gated, env: impatient });
    failed(run, 11, new RegExp(`PID ${await sleeper()} \\(sleep 1000\\)`));
    await host.node.exec("kill", ["-9", await sleeper()]);
    await host.del(pod, config, gated);
    await host.node.exec("rm", ["/run/child"]);
    expect(await world.state()).toEqual(world.before);
  });
});

describe.runIf(canRun("ip", "iptables-save", "mkfifo"))("an ADD of portmap that is killed", () => {
  const tools = "/run/tools";
  const env = { PATH: `${tools}:/usr/sbin:/usr/bin:/sbin:/bin` };
  /** A program that goes on writing rules when who started it is gone. */
  const survivor = `#!/bin/sh
exec 3<&0
if [ -e /run/gate ]; then
  (: > /run/reached; read -r word < /run/gate; exec /usr/sbin/iptables-restore "$@") <&3 &
  wait
else
  exec /usr/sbin/iptables-restore "$@" <&3
fi
`;

  test("is waited for by DEL until its iptables-restore has ended, and leaves no rules", async () => {
    await using bridge = await Host.create("bridge");
    const { node } = bridge;
    const portmap = new Host(node, builtPlugin("portmap"), distBin);
    mkdirSync(node.path(tools));
    for (const name of ["iptables", "iptables-save", "ip6tables", "ip6tables-save", "ip6tables-restore"]) {
      await node.exec("ln", ["-s", `/usr/sbin/${name}`, `${tools}/${name}`]);
    }
    writeFileSync(node.path(`${tools}/iptables-restore`), survivor, { mode: 0o755 });
    const pod = await bridge.pod("a");
    const prevResult = await bridge.add(pod, {
      ...networkOf("bridge"),
      ipMasq: false,
      ipam: hostLocal([subnet4]),
    });
    const config = {
      cniVersion: "1.1.0",
      name: "net",
      type: "portmap",
      backend: "iptables",
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80 }] },
      prevResult,
    };
    await node.exec("mkfifo", ["/run/gate"]);
    const add = node.startPlugin(portmap.executable, portmap.request("ADD", pod, config, { env }));
    await expect.poll(() => existsSync(node.path("/run/reached")), { interval: 10 }).toBe(true);
    await add.stop("SIGKILL");
    failed(
      await portmap.call("DEL", pod, config, { env: { ...env, ...{ PODWIRE_LOCK_TIMEOUT: "0.3" } } }),
      11,
      /PID \d+ \(/,
    );
    const del = portmap.call("DEL", pod, config, { env });
    await node.exec("sh", ["-c", "echo go > /run/gate; rm /run/gate"]);
    succeeded(await del);
    const rules = (await node.exec("iptables-save", ["-t", "nat"])).stdout;
    expect(rules).not.toMatch(/8080|id-a/);
  });
});
