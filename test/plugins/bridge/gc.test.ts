import { describe, expect, test } from "vitest";
import { canRun, referenceBin, referencePlugin } from "../../helpers/index.ts";
import { hostState, links, ports, reservations } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, l2Network, network, type Pod, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6]),
});

const other = { ...config, name: "other", bridge: "br1", ipam: hostLocal(["10.5.0.0/24"]) };

/** A host with one attachment to keep, and the state it must come back to. */
const prepared = async () => {
  const host = await Host.create();
  await host.warmUp(config);
  const live = await host.pod("live");
  const kept = await host.add(live, config);
  const before = await hostState(host.node);
  const intact = async () => {
    expect(await hostState(host.node)).toEqual(before);
    await host.check(live, config, kept);
  };
  return { host, live, kept, intact, [Symbol.asyncDispose]: () => host.node.dispose() };
};

const addDead = async (host: Host, names: string[]): Promise<Pod[]> => {
  const pods = await host.pods(...names);
  for (const pod of pods) await host.add(pod, config);
  return pods;
};

describe.runIf(canRun(...programs))("GC removes all of what is not in the list", () => {
  test("when the containers' namespaces are gone", async () => {
    await using stage = await prepared();
    const { host, live, intact } = stage;
    for (const { name } of await addDead(host, ["a", "b", "c"])) await host.node.deleteNetns(name);
    await host.gc(config, [live]);
    await intact();
  });

  test("when the namespaces are there and their interfaces are gone", async () => {
    await using stage = await prepared();
    const { host, live, intact } = stage;
    for (const { name } of await addDead(host, ["a", "b"])) {
      await host.node.exec("ip", ["link", "delete", "eth0"], { netns: name });
    }
    await host.gc(config, [live]);
    await intact();
  });

  test("the veth pairs of containers that are still there, too", async () => {
    await using stage = await prepared();
    const { host, live } = stage;
    await addDead(host, ["a", "b"]);
    await host.gc(config, [live]);
    expect(await ports(host.node, "br0")).toHaveLength(1);
    for (const name of ["a", "b"]) expect(await links(host.node, name)).toHaveLength(1);
  });

  test("one interface of a container, and not its other one", async () => {
    await using stage = await prepared();
    const { host, live, kept, intact } = stage;
    await host.add({ ...live, ifname: "eth1" }, config);
    await host.gc(config, [live]);
    await host.check(live, config, kept);
    await intact();
  });

  test("when the list is empty: that is meant", async () => {
    await using host = await Host.create();
    await host.warmUp(config);
    await host.gc(config, []);
    const before = await hostState(host.node);
    for (const { name } of await addDead(host, ["a", "b"])) await host.node.deleteNetns(name);
    await host.gc(config, []);
    expect(await hostState(host.node)).toEqual(before);
  });

  test("whatever the configuration says by now", async () => {
    await using stage = await prepared();
    const { host, live, intact } = stage;
    for (const { name } of await addDead(host, ["a", "b"])) await host.node.deleteNetns(name);
    await host.gc({ ...config, ipMasq: false, macspoofchk: false, bridge: "br9", isGateway: false }, [live]);
    await intact();
  });

  test("of a network without addresses", async () => {
    await using host = await Host.create();
    const plain = l2Network({ macspoofchk: true });
    const [a, b] = await host.pods("a", "b");
    const kept = await host.add(a, plain);
    const before = await hostState(host.node);
    await host.add(b, plain);
    await host.node.deleteNetns("b");
    await host.gc(plain, [a]);
    expect(await hostState(host.node)).toEqual(before);
    await host.check(a, plain, kept);
  });
});

describe.runIf(canRun(...programs))("GC leaves alone", () => {
  test("what is in the list, all of it, again and again", async () => {
    await using stage = await prepared();
    const { host, live, intact } = stage;
    for (let time = 1; time <= 3; time++) await host.gc(config, [live]);
    await intact();
  });

  test("other networks on the same host, also those whose name starts the same", async () => {
    await using stage = await prepared();
    const { host, live } = stage;
    const similar = { ...config, name: "net.2", bridge: "br2", ipam: hostLocal(["10.6.0.0/24"]) };
    const [a, b] = await host.pods("a", "b");
    const first = await host.add(a, other);
    const second = await host.add(b, similar);
    const before = await hostState(host.node);
    await host.gc(config, [live]);
    expect(await hostState(host.node)).toEqual(before);
    await host.gc({ ...config, name: "ne", bridge: "br3" }, []);
    await host.check(a, other, first);
    await host.check(b, similar, second);
  });

  test("another network on the same bridge", async () => {
    await using stage = await prepared();
    const { host } = stage;
    const sharing = l2Network({ name: "sharing", macspoofchk: true });
    const pod = await host.pod("a");
    const result = await host.add(pod, sharing);
    await host.gc(config, []);
    await host.check(pod, sharing, result);
  });

  test("interfaces on the bridge that are not ours", async () => {
    await using stage = await prepared();
    const { host, live } = stage;
    await host.node.exec("ip", ["link", "add", "veth1234abcd", "type", "veth", "peer", "name", "mine"]);
    await host.node.exec("ip", ["link", "set", "veth1234abcd", "master", "br0"]);
    await host.node.exec("ip", ["link", "set", "mine", "alias", "the network=net of a user"]);
    const before = await hostState(host.node);
    await host.gc(config, [live]);
    expect(await hostState(host.node)).toEqual(before);
  });

  test("interfaces that the reference plugin made, of live and of dead containers", async () => {
    await using stage = await prepared();
    const { host, live } = stage;
    const reference = new Host(host.node, referencePlugin("bridge"), referenceBin);
    const l2 = l2Network({ cniVersion: "1.0.0", ipam: {} });
    await reference.add(await host.pod("theirs"), l2);
    const before = await hostState(host.node);
    await host.gc(config, [live]);
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("GC without a proper list", () => {
  const lists: [string, object, number][] = [
    ["missing", {}, 7],
    ["null", { "cni.dev/valid-attachments": null }, 7],
    ["no list", { "cni.dev/valid-attachments": {} }, 6],
    ["a list of something else", { "cni.dev/valid-attachments": ["a"] }, 6],
    ["a list with wrong types", { "cni.dev/valid-attachments": [{ containerID: 1, ifname: "eth0" }] }, 6],
    ["a list that names no container", { "cni.dev/valid-attachments": [{ ifname: "eth0" }] }, 7],
    ["a list that names no interface", { "cni.dev/valid-attachments": [{ containerID: "id-live" }] }, 7],
  ];

  test.each(lists)("fails and removes nothing: %s", async (_fault, keys, code) => {
    await using stage = await prepared();
    const { host, intact } = stage;
    failed(await host.call("GC", undefined, { ...config, ...keys }), code, "valid-attachments");
    await intact();
  });
});

describe.runIf(canRun(...programs))("GC when IPAM fails", () => {
  test("says so, and has removed everything else", async () => {
    await using stage = await prepared();
    const { host, live } = stage;
    for (const { name } of await addDead(host, ["a", "b"])) await host.node.deleteNetns(name);
    const broken = { ...config, ipam: { type: "missing-ipam" } };
    const valid = [{ containerID: live.containerId, ifname: live.ifname }];
    const run = await host.call("GC", undefined, { ...broken, "cni.dev/valid-attachments": valid });
    failed(run, 5, "missing-ipam");
    expect(await ports(host.node, "br0")).toHaveLength(1);
    const rules = (await hostState(host.node)).nftables.filter((line) => line.includes("container="));
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.filter((line) => !line.includes(`container=${live.containerId} `))).toEqual([]);
    expect(await reservations(host.node)).toHaveLength(6);
    await host.gc(config, [live]);
    expect(await reservations(host.node)).toHaveLength(2);
  });
});
