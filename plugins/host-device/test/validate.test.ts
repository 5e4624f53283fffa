import { expect, test } from "vitest";
import { podwire } from "../../../test/cli/podwire.ts";
import { canRun, distBin, type Node } from "../../../test/helpers/index.ts";
import type { Keys } from "../../../test/plugins/attachment/host.ts";
import { bare, createWorld, mac } from "./world.ts";

/** The findings about a network, each as severity, path and message. */
async function findingsOf(node: Node, keys: Keys): Promise<string[]> {
  const { name, cniVersion, ...plugin } = bare({ name: "n", ...keys });
  const input = JSON.stringify({ name, cniVersion, plugins: [plugin] });
  await node.exec("tee", ["/run/n.conflist"], { input });
  const env = { CNI_PATH: distBin, NETCONFPATH: "/run/net.d" };
  const { stdout } = await node.exec(podwire, ["validate", "--json", "/run/n.conflist"], {
    env,
    reject: false,
  });
  const found = JSON.parse(stdout) as Record<"severity" | "path" | "message", string>[];
  return found.map(({ severity, path, message }) => `${severity}: ${path} ${message}`);
}

test.runIf(canRun("ip"))(
  "podwire validate finds a device that is not there, not chosen, or needed by the node",
  async () => {
    await using host = await createWorld();
    const { node } = host;
    const device = (keys: Keys) => findingsOf(node, { device: "", ...keys });
    expect(await findingsOf(node, {})).toEqual([]);
    expect(await device({ hwaddr: mac.toUpperCase().replaceAll(":", "-") })).toEqual([]);
    expect(await device({ capabilities: { deviceID: true } })).toEqual([]);
    expect(await device({})).toEqual([
      expect.stringMatching(
        /^error: plugins\[0\] specify either "device", "hwaddr", "kernelpath" or "pciBusID"/,
      ),
    ]);
    expect(await findingsOf(node, { device: "eth9" })).toEqual([
      "warning: plugins[0].device names no device of this node: eth9",
    ]);
    expect(await device({ pciBusID: "../x" })).toEqual([
      expect.stringMatching(/^error: plugins\[0\]\.pciBusID is not a PCI address/),
    ]);
    expect(await findingsOf(node, { hwaddr: mac, pciBusID: "0000:00:00.0" })).toEqual([
      'warning: plugins[0].hwaddr has no effect beside "device"',
      'warning: plugins[0].pciBusID has no effect beside "device"',
    ]);
    const pod = await host.pod("a");
    await host.add(pod, bare());
    expect(await findingsOf(node, {})).toEqual([]);
    await host.del(pod, bare());
    await node.exec("sh", ["-ec", "ip link set up0 up; ip route add default dev up0"]);
    expect(await findingsOf(node, {})).toEqual([
      "warning: plugins[0].device is up0, which has the node's default route",
    ]);
  },
);
