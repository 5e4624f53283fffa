import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun } from "../../../test/helpers/index.ts";
import { failed, Host, hostLocal, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";
import { containerState } from "../../../test/plugins/attachment/kernel-state.ts";

// What a kernel without VRF devices can show; test/scenarios.ts has the rest.

const network: Keys = { cniVersion: "1.1.0", name: "net", type: "ptp", ipam: hostLocal(["10.1.0.0/24"]) };
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "vrf", vrfname: "blue" };

const hasVrf =
  spawnSync("unshare", ["--net", "ip", "link", "add", "v", "type", "vrf", "table", "9"]).status === 0;

let host: Host;
let pod: Pod;
let prevResult: Keys;

describe.runIf(canRun("ip"))("vrf", () => {
  beforeEach(async () => {
    host = await Host.create("vrf");
    pod = await host.pod("a");
    prevResult = await new Host(host.node, builtPlugin("ptp")).add(pod, network);
    const tentative = () => host.node.exec("ip", ["-6", "address", "show", "tentative"], { netns: "a" });
    await expect.poll(async () => (await tentative()).stdout).toBe("");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const refusals: [string, Keys, number, RegExp][] = [
    ["no name", { vrfname: undefined }, 7, /configuration is expected to have a valid vrf name/],
    ["an empty name", { vrfname: "" }, 7, /configuration is expected to have a valid vrf name/],
    ["a name that leads elsewhere", { vrfname: "../x" }, 7, /"vrfname" is not an interface name/],
    ["a name that is too long", { vrfname: "a-name-of-16-bytes" }, 7, /at most 15 bytes/],
    ["a table that is too large", { table: 4294967296 }, 7, /"table" is 4294967296/],
    ["the main table", { table: 254 }, 7, /the kernel's own/],
    ["a table that is no number", { table: "1" }, 6, /"table" must be a whole number/],
    ["no previous plugin", { prevResult: undefined }, 7, /ADD needs prevResult/],
    ["the name of another interface", { vrfname: "lo" }, 999, /lo in .* is not a VRF/],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    const before = await containerState(host.node, "a");
    failed(await host.call("ADD", pod, { ...config, prevResult, ...keys }), code, words);
    expect(await containerState(host.node, "a")).toEqual(before);
  });

  test("refuses an interface with another master, and one that is not there", async () => {
    await host.node.exec("ip", ["link", "add", "br0", "type", "bridge"], { netns: "a" });
    await host.node.exec("ip", ["link", "set", "eth0", "master", "br0"], { netns: "a" });
    failed(await host.call("ADD", pod, { ...config, prevResult }), 999, /eth0 has already a master set: br0/);
    failed(
      await host.call("ADD", { ...pod, ifname: "net1" }, { ...config, prevResult }),
      999,
      /net1 is missing/,
    );
  });

  test.runIf(!hasVrf)(
    "a kernel without VRF devices is told by ADD and STATUS, which change nothing",
    async () => {
      const before = await containerState(host.node, "a");
      failed(
        await host.call("ADD", pod, { ...config, prevResult }),
        50,
        /no interfaces of the kind vrf.*modprobe vrf/,
      );
      failed(await host.call("STATUS", undefined, config), 50, /modprobe vrf/);
      expect(await containerState(host.node, "a")).toEqual(before);
    },
  );

  test("CHECK fails where there is no device, and DEL succeeds with whatever it is given", async () => {
    failed(await host.call("CHECK", pod, { ...config, prevResult }), 999, /the VRF blue is missing/);
    const before = await containerState(host.node, "a");
    for (const keys of [{}, { vrfname: 7 }, { vrfname: "lo" }, { vrfname: "../x" }, { table: "x" }])
      await host.del(pod, { ...config, ...keys, prevResult });
    await host.del({ ...pod, netns: "" }, config);
    await host.del({ ...pod, netns: "/run/netns/gone" }, config);
    expect(await containerState(host.node, "a")).toEqual(before);
    expect((await host.node.exec("ls", ["/run/netns"])).stdout).toBe("a");
    await host.gc(config, []);
  });
});
