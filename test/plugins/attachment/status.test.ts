/** STATUS says beforehand what the next ADD would die of, and changes nothing. */
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node } from "../../helpers/index.ts";
import { pluginOptions, pluginRun } from "../../helpers/plugin.ts";
import { makeUnderlay, network as overlay } from "../vxlan/single-node.ts";
import { failed, Host, hostLocal, type Keys, subnet4, subnet6, succeeded } from "./host.ts";
import { hostState } from "./kernel-state.ts";

const ranges = hostLocal([subnet4, subnet6]);
const networks: Record<string, Keys> = {
  bridge: { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam: ranges },
  ptp: { type: "ptp", ipMasq: true, ipam: ranges },
  "vxlan in the mode l2": overlay("l2", [2], { isGateway: true, ipMasq: true, ipam: ranges }),
};

/** The mounts are seen by the node alone. */
const shell = (script: string) => (node: Node) => node.exec("sh", ["-ec", script]);
const lockSysctls = "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys";
const off = (key: string) => shell(`sysctl -qw ${key}; ${lockSysctls}`);
const nothing = async (): Promise<void> => {};

interface Fault {
  readonly prepare: (node: Node) => Promise<unknown>;
  readonly keys?: Keys;
  /** Of the error of STATUS. */
  readonly words: RegExp;
}

const faults: Record<string, Fault> = {
  "forwarding of IPv4 is off, and /proc/sys read-only": {
    prepare: off("net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=1"),
    words: /IPv4 forwarding is off.*sysctl -w net\.ipv4\.ip_forward=1/,
  },
  "forwarding of IPv6 is off, and /proc/sys read-only": {
    prepare: off("net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=0"),
    words: /IPv6 forwarding is off.*sysctl -w net\.ipv6\.conf\.all\.forwarding=1/,
  },
  "IPv6 is off, and /proc/sys read-only": {
    prepare: off("net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.disable_ipv6=1"),
    words: /IPv6 is off.*disable_ipv6=0/,
  },
  "/run is read-only": {
    prepare: shell("mkdir -p /run/podwire; mount -t tmpfs -o ro none /run/podwire"),
    words: /\/run\/podwire is not writable.*tmpfs/,
  },
  "/run is full": {
    prepare: shell("mkdir -p /run/podwire; mount -t tmpfs -o size=4k,nr_inodes=1 none /run/podwire"),
    words: /\/run\/podwire is on a full file system/,
  },
  "the store of addresses is read-only": {
    prepare: shell("mkdir -p /var/lib/cni/networks; mount -t tmpfs -o ro none /var/lib/cni/networks"),
    words: /no address can be reserved: \/var\/lib\/cni\/networks is not writable.*"ipam\.dataDir"/,
  },
  "no address is left": {
    prepare: nothing,
    keys: { ipam: hostLocal(["10.1.0.0/30"]) },
    words: /no IP addresses available in range set: 10\.1\.0\.1-10\.1\.0\.2: 1 of 1 used/,
  },
  "resolvConf names a file that is missing": {
    prepare: nothing,
    keys: { ipam: hostLocal([subnet4], { resolvConf: "/etc/none" }) },
    words: /\/etc\/none: .*"ipam\.resolvConf"/,
  },
  "resolvConf names a FIFO": {
    prepare: shell("mkfifo /run/fifo"),
    keys: { ipam: hostLocal([subnet4], { resolvConf: "/run/fifo" }) },
    words: /\/run\/fifo is a FIFO.*"ipam\.resolvConf"/,
  },
};

const programs = ["ip", "nft", "sysctl", "mount", "mkfifo"];

async function stage(name: string, keys: Keys = {}) {
  const config: Keys = { ...networks[name], cniVersion: "1.1.0", name: "net", ...keys };
  const host = new Host(await createNode(), builtPlugin(String(config["type"])));
  await makeUnderlay(host);
  return { host, config, [Symbol.asyncDispose]: () => host.node.dispose() };
}

describe.runIf(canRun(...programs)).each(Object.keys(networks))("%s: STATUS", (name) => {
  test.each(Object.keys(faults))("says that %s, as ADD does", async (fault) => {
    const { prepare, keys, words } = faults[fault] as Fault;
    await using here = await stage(name, keys);
    const { host, config } = here;
    const [pod, second] = await host.pods("a", "b");
    if (fault === "no address is left") await host.add(second, config);
    else succeeded(await host.call("STATUS", undefined, { ...config, ipam: ranges }));
    await prepare(host.node);
    const before = await hostState(host.node);
    const { code } = failed(
      await host.call("STATUS", undefined, config),
      expect.any(Number) as number,
      words,
    );
    expect([5, 7, 50]).toContain(code);
    expect(await hostState(host.node)).toEqual(before);
    expect(await host.call("ADD", pod, config)).toMatchObject({ exitCode: 1 });
  });

  test.each([
    ["to change interfaces", "net_admin", /CAP_NET_ADMIN/],
    ["to enter namespaces", "sys_admin", /CAP_SYS_ADMIN/],
  ])("says that podwire has no permission %s", async (_what, capability, words) => {
    await using here = await stage(name);
    const { node } = here.host;
    const call = here.host.request("STATUS", undefined, here.config);
    const drop = [`--bounding-set=-${capability}`, `--inh-caps=-${capability}`];
    const { executable } = here.host;
    const run = await node.exec("setpriv", [...drop, executable], pluginOptions(executable, call));
    failed(pluginRun(run), 50, words);
  });

  test("names the holder of a lock that is held for long, and takes a third of ADD's time", async () => {
    await using here = await stage(name);
    const { host, config } = here;
    await host.add(await host.pod("a"), config);
    const { stdout } = await host.node.exec("sh", [
      "-c",
      "ls -d /run/podwire/locks/* /var/lib/cni/networks/net/lock",
    ]);
    const files = stdout.split("\n").filter((path) => !/attachment-|sysctl/.test(path) && path !== "");
    expect(files.length).toBeGreaterThanOrEqual(2);
    const env = { PODWIRE_LOCK_TIMEOUT: "1" };
    for (const file of files) {
      const words = ["--no-fork", file, "sh", "-c", "echo held; exec sleep 1000"];
      await using holder = host.node.start("flock", words);
      await holder.firstLine();
      const run = await host.call("STATUS", undefined, config, { env });
      failed(
        run,
        50,
        new RegExp(`${file} was not free within 0\\.3\\d* s; it is held by PID \\d+ \\(sleep 1000\\)`),
      );
    }
    succeeded(await host.call("STATUS", undefined, config));
  });
});
