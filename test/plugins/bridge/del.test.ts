import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { containerState, hostState, link, links, reservations } from "../attachment/kernel-state.ts";
import { namespaceStates, prepareDeletion } from "../attachment/netns-states.ts";
import { Host, hostLocal, type Keys, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

/** Everything that an attachment can have on a host. */
const config = network({
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6]),
});

const prepared = async () => prepareDeletion(await Host.create(), config);

describe.runIf(canRun(...programs))("DEL leaves nothing when the container's namespace", () => {
  test.each(namespaceStates)("%s", async (_state, leave) => {
    await using stage = await prepared();
    const { host, pod, result, intact } = stage;
    await host.del(await leave(stage), { ...config, prevResult: result });
    await host.node.exec("rm", ["-f", "/run/plain"]);
    await intact();
    // An ADD after that finds all in order.
    const again = await host.pod("again");
    await host.check(
      { ...again, containerId: pod.containerId },
      config,
      await host.add({ ...again, containerId: pod.containerId }, config),
    );
  });

  test("now serves another container: its interface is left alone", async () => {
    await using stage = await prepared();
    const { host, pod, neighbour, intact } = stage;
    const before = await containerState(host.node, neighbour.name);
    await host.del({ ...pod, netns: neighbour.netns }, config);
    await intact();
    expect(await containerState(host.node, neighbour.name)).toEqual(before);
  });

  test("now holds an interface of that name that no bridge plugin made: it stays", async () => {
    await using stage = await prepared();
    const { host, pod, intact } = stage;
    await host.node.exec("ip", ["link", "delete", "eth0"], { netns: pod.name });
    await host.node.exec("ip", ["link", "add", "eth0", "type", "bridge"], { netns: pod.name });
    await host.del(pod, config);
    await intact();
    expect((await link(host.node, "eth0", pod.name)).linkinfo?.info_kind).toBe("bridge");
  });
});

/** What an operator may have changed in the configuration since ADD. */
const changes: [string, Keys][] = [
  ["no prevResult", {}],
  ["a prevResult of no use", { prevResult: { cniVersion: "1.1.0" } }],
  ["a broken prevResult", { prevResult: { cniVersion: "9", ips: "x" } }],
  ["ipMasq off", { ipMasq: false }],
  ["ipMasq and macspoofchk off", { ipMasq: false, macspoofchk: false }],
  ["another bridge name", { bridge: "other0" }],
  ["a bridge name that another kind of link has", { bridge: "lo" }],
  ["isGateway off", { isDefaultGateway: false, isGateway: false }],
  ["another version", { cniVersion: "0.4.0" }],
  ["the oldest version", { cniVersion: "0.1.0" }],
  ["another MTU and MAC", { mtu: 1300, runtimeConfig: { mac: "02:00:00:00:00:09" } }],
  ["another range in the same store", { ipam: hostLocal(["10.77.0.0/24"]) }],
  [
    "keys of the wrong type that DEL has no use for",
    { mtu: "big", hairpinMode: "yes", vlan: -1, promiscMode: 1 },
  ],
  ["a combination that ADD refuses", { hairpinMode: true, promiscMode: true }],
  ["a MAC address that ADD refuses", { runtimeConfig: { mac: "x" }, args: { cni: { mac: "y" } } }],
  ["an unknown ipMasqBackend", { ipMasqBackend: "carrier pigeon" }],
];

describe.runIf(canRun(...programs))("DEL leaves nothing with", () => {
  test.each(changes)("%s", async (_change, keys) => {
    await using stage = await prepared();
    await stage.host.del(stage.pod, { ...config, ...keys });
    await stage.intact();
    expect(await links(stage.host.node, stage.pod.name)).toHaveLength(1);
  });

  test("the ipam section taken out, but for the address", async () => {
    await using stage = await prepared();
    const { host, pod, intact } = stage;
    await host.del(pod, { ...config, ipam: {} });
    expect(await reservations(host.node)).toHaveLength(4);
    expect(await links(host.node, pod.name)).toHaveLength(1);
    await host.del(pod, config);
    await intact();
  });

  test("the bridge gone", async () => {
    await using host = await Host.create();
    await host.warmUp(config);
    const pod = await host.pod("a");
    await host.add(pod, config);
    await host.node.exec("ip", ["link", "delete", "br0"]);
    const before = await hostState(host.node);
    await host.del(pod, config);
    const after = await hostState(host.node);
    expect(await reservations(host.node)).toEqual([]);
    expect(after.links.length).toBe(before.links.length - 1);
  });
});

describe.runIf(canRun(...programs))("DEL", () => {
  test("may be repeated, in any state, without an error", async () => {
    await using stage = await prepared();
    const { host, pod, result, intact } = stage;
    for (let time = 1; time <= 3; time++) await host.del(pod, { ...config, prevResult: result });
    await intact();
    await host.node.deleteNetns(pod.name);
    await host.del(pod, config);
    await host.del({ ...pod, netns: "" }, config);
    await intact();
  });

  test("of what was never added changes nothing, on a clean host too", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    await host.del(pod, l2Network({ ipMasq: true, macspoofchk: true }));
    expect(await hostState(host.node)).toEqual(before);
    await host.del(pod, config);
    const { files: _after, ...after } = await hostState(host.node);
    expect(after).toEqual(Object.fromEntries(Object.entries(before).filter(([key]) => key !== "files")));
  });

  test("of one interface leaves the container's other ones on the same network alone", async () => {
    await using stage = await prepared();
    const { host, pod, result, intact } = stage;
    const second = { ...pod, ifname: "eth1" };
    await host.add(second, config);
    await host.del(second, config);
    await host.check(pod, config, result);
    await host.del(pod, config);
    await intact();
  });

  test("of one network leaves the same container's interface on another network alone", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const red = { ...config, name: "red", bridge: "red0" };
    const blue = { ...config, name: "blue", bridge: "blue0", ipam: hostLocal(["10.5.0.0/24"]) };
    await host.add(pod, red);
    const kept = await host.add({ ...pod, ifname: "eth1" }, blue);
    await host.del(pod, red);
    await host.check({ ...pod, ifname: "eth1" }, blue, kept);
  });

  test("leaves nothing when its path leads to the plugin's own namespace", async () => {
    await using stage = await prepared();
    const { host, pod, result, intact } = stage;
    await host.del({ ...pod, netns: "/proc/self/ns/net" }, { ...config, prevResult: result });
    await intact();
  });
});
