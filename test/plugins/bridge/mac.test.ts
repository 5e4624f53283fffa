import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState, link, links, sysfs } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, type Keys, l2Network, network, programs, subnet6 } from "./host.ts";

const runtime = "02:00:00:00:00:03";
const plugin = "02:00:00:00:00:02";
const variable = "02:00:00:00:00:01";

interface Given {
  readonly runtimeConfig?: Keys;
  readonly args?: Keys;
  readonly CNI_ARGS?: string;
}

const given = {
  runtimeConfig: { mac: runtime },
  args: { cni: { mac: plugin } },
  CNI_ARGS: `IgnoreUnknown=1;MAC=${variable}`,
} as const;

const attach = async (host: Host, { CNI_ARGS, ...keys }: Given, config = l2Network()) => {
  const result = await host.add(
    await host.pod("a"),
    { ...config, ...keys },
    CNI_ARGS === undefined ? {} : { args: CNI_ARGS },
  );
  const { address } = await link(host.node, "eth0", "a");
  expect(result.interfaces[2].mac).toBe(address);
  return address;
};

/** Starts to write down every change of a link; returns when it surely hears of them. */
const watchLinks = async (host: Host, netns?: string) => {
  const inside = netns === undefined ? {} : { netns };
  const watcher = host.node.start("ip", ["-o", "monitor", "link"], inside);
  let isHeard = false;
  const heard = watcher.firstLine().then(() => {
    isHeard = true;
  });
  while (!isHeard) {
    for (const state of ["up", "down", "up"])
      await host.node.exec("ip", ["link", "set", "lo", state], inside);
  }
  await heard;
  return watcher;
};

describe.runIf(canRun(...programs))("the container's MAC address", () => {
  test.each([
    ["runtimeConfig.mac over all others", given, runtime],
    ["args.cni.mac over MAC in CNI_ARGS", { args: given.args, CNI_ARGS: given.CNI_ARGS }, plugin],
    ["runtimeConfig.mac alone", { runtimeConfig: given.runtimeConfig }, runtime],
    ["args.cni.mac alone", { args: given.args }, plugin],
    ["MAC in CNI_ARGS alone", { CNI_ARGS: `MAC=${variable}` }, variable],
    ["an empty one as none", { runtimeConfig: { mac: "" }, args: given.args }, plugin],
    [
      "upper case, written in lower case",
      { runtimeConfig: { mac: "0A:BC:DE:00:11:22" } },
      "0a:bc:de:00:11:22",
    ],
  ])("is taken from %s", async (_source, keys: Given, expected) => {
    await using host = await Host.create();
    expect(await attach(host, keys)).toBe(expected);
  });

  test.each([
    ["IPv4", network({}), /^0a:58:0a:01:00:02$/],
    ["IPv6", network({ ipam: hostLocal([subnet6]) }), /^.[26ae]:/],
    ["no address", l2Network(), /^.[26ae]:/],
  ])("is made up, locally administered, without any: %s", async (_kind, config, expected) => {
    await using host = await Host.create();
    expect(await attach(host, {}, config)).toMatch(expected);
  });

  test.each([
    ["asked for", given],
    ["made up", {}],
  ])(
    "is in the create message of both ends, so that udev leaves it alone: %s",
    async (_kind, keys: Given) => {
      await using host = await Host.create();
      await attach(host, keys);
      const port = (await links(host.node)).find(({ master }) => master === "br0")?.ifname ?? "";
      expect(await sysfs(host.node, port, "addr_assign_type")).toBe("3");
      expect(await sysfs(host.node, "eth0", "addr_assign_type", "a")).toBe("3");
    },
  );

  test("is the only one that link, port and bridge ever had, since the moment of their creation", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const watchers = [await watchLinks(host), await watchLinks(host, "a")];
    const { interfaces } = await host.add(pod, network({ isGateway: true }));
    const outputs = await Promise.all(watchers.map(async (watcher) => (await watcher.stop()).stdout));
    for (const { name, mac } of interfaces as { name: string; mac: string }[]) {
      const seen = outputs
        .join("\n")
        .split("\n")
        .filter((line) => new RegExp(`: ${name}[:@]`).test(line));
      expect(seen.length).toBeGreaterThan(0);
      for (const line of seen) expect(line).toContain(`link/ether ${mac}`);
    }
  });

  test("is different for every container and every interface without addresses", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const seen: string[] = [];
    for (const pod of [a, b, { ...a, ifname: "eth1" }]) {
      const result = await host.add(pod, l2Network());
      seen.push(...result.interfaces.slice(1).map(({ mac }: { mac: string }) => mac));
    }
    expect(new Set(seen).size).toBe(6);
  });

  test.each([
    ["no MAC address", "nonsense"],
    ["too short", "02:00:00:00:00"],
    ["too long", "02:00:00:00:00:00:01:02"],
    ["of a group", "01:00:5e:00:00:01"],
    ["broadcast", "ff:ff:ff:ff:ff:ff"],
    ["all zeros", "00:00:00:00:00:00"],
    ["not hexadecimal", "02:00:00:00:00:0g"],
  ])("is refused before anything is changed if it is %s", async (_fault, mac) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, network({ runtimeConfig: { mac } })), 7, mac);
    failed(await host.call("ADD", pod, network({ args: { cni: { mac } } })), 7, mac);
    failed(await host.call("ADD", pod, network(), { args: `MAC=${mac}` }), 7, mac);
    expect(await hostState(host.node)).toEqual(before);
  });
});
