/** Other things among libcni's results: neither a plugin's DEL nor the command waits for them or follows them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hostileNames, plant, TARGET, targets } from "../helpers/hostile.ts";
import { canRun } from "../helpers/index.ts";
import { Host, hostLocal, subnet4 } from "../plugins/attachment/host.ts";
import { runOn } from "./podwire.ts";

const folder = "/var/lib/cni/results";
const config = { cniVersion: "1.1.0", name: "net", type: "ptp", ipam: hostLocal([subnet4]) };

describe.runIf(canRun("ip", "mkfifo", "mknod", "python3"))("in place of a result", () => {
  test.each(hostileNames)("%s stops no call", async (kind) => {
    await using host = await Host.create("ptp");
    const { node } = host;
    const pod = await host.pod("a");
    mkdirSync(node.path(folder), { recursive: true });
    const result = { cniVersion: "1.1.0", ips: [] };
    const entry = { kind: "cniCacheV1", containerId: "id-b", ifName: "eth0", networkName: "net", result };
    writeFileSync(node.path(`${folder}/net-id-b-eth0`), JSON.stringify(entry));
    await plant(node, `${folder}/net-id-a-eth0`, kind);
    // An interface that is not podwire's: DEL looks for the result that says whose it is.
    await node.exec("ip", ["link", "add", "other", "type", "veth", "peer", "name", "eth0", "netns", "a"]);
    await host.del(pod, config);
    expect((await node.exec("ip", ["-n", "a", "link", "show", "eth0"])).exitCode).toBe(0);
    const listed = await runOn(node, ["list", "--json"]);
    expect(listed.exitCode, listed.stderr).toBe(0);
    expect(listed.stdout).toContain("id-b");
    expect(await targets(node)).toBe(TARGET.text);
  });
});
