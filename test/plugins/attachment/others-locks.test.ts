/** Processes without privileges, on the node or in a container, have locked what they can open. */
import { describe, expect, test } from "vitest";
import { canRun, type RunningCommand } from "../../helpers/index.ts";
import { makeUnderlay, network as vxlanNetwork } from "../vxlan/single-node.ts";
import { Host, hostLocal, type Keys, subnet4, subnet6 } from "./host.ts";

const ipam = hostLocal([subnet4, subnet6]);
const configs: Readonly<Record<string, Keys>> = {
  bridge: { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, macspoofchk: true, ipam },
  ptp: { type: "ptp", ipMasq: true, ipam },
  vxlan: vxlanNetwork("l3", [2], { keepDevice: false }),
};

/** Files that every user can open, of which calls use the objects. */
const opened = [
  "/proc/self/ns/net",
  "/run/netns/a",
  "/proc/sys/net/ipv4/ip_forward",
  "/proc/sys/net/ipv6/conf/all/forwarding",
  "/proc/sys/net/ipv4/conf/all/forwarding",
  "/",
  "/run",
  "/run/netns",
];

/** Locks all of them as another user, until it is stopped. */
async function hold(host: Host, kind: "-s" | "-x", netns?: string): Promise<RunningCommand> {
  const script = `${opened.map((file, at) => `exec ${at + 3}< ${file}; flock -n ${kind} ${at + 3}`).join("\n")}\necho held; exec sleep 1000`;
  const user = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
  const holder = host.node.start(
    "setpriv",
    [...user, "bash", "-c", script],
    netns === undefined ? {} : { netns },
  );
  await holder.firstLine();
  return holder;
}

describe.runIf(canRun("ip", "nft", "setpriv", "flock", "bash")).each(Object.keys(configs))("%s", (type) => {
  const config = { cniVersion: "1.1.0", name: "net", ...configs[type] };
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", PODWIRE_LOCK_TIMEOUT: "3" };

  test.each([
    ["on the node, alone", "-x", undefined],
    ["on the node, shared", "-s", undefined],
    ["in the container", "-x", "a"],
  ] as const)("waits for no lock of another user's process %s", async (_, kind, netns) => {
    await using host = await Host.create(type);
    if (type === "vxlan") await makeUnderlay(host);
    const pod = await host.pod("a");
    const holder = await hold(host, kind, netns);
    const prevResult = await host.add(pod, config, { env });
    await host.check(pod, config, prevResult, { env });
    await host.del(pod, config, { env });
    await host.gc(config, []);
    const free = ["-n", "-x", "/proc/self/ns/net", "true"];
    const options = { reject: false, ...(netns === undefined ? {} : { netns }) };
    expect((await host.node.exec("flock", free, options)).exitCode).toBe(1);
    expect((await holder.stop()).signal).toBe("SIGTERM");
  });
});
