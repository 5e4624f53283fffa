import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { containerState, hostState, link, links, reservations } from "../attachment/kernel-state.ts";
import { namespaceStates, prepareDeletion } from "../attachment/netns-states.ts";
import { everything, failed, Host, hostLocal, type Keys, programs, subnet6 } from "./host.ts";

const prepared = async () => {
  const host = await Host.create();
  await host.warmUp(everything);
  return prepareDeletion(host, everything);
};

describe.runIf(canRun(...programs))("DEL leaves nothing when the container's namespace", () => {
  test.each(namespaceStates)("%s", async (_state, leave) => {
    await using stage = await prepared();
    const { host, result, intact } = stage;
    await host.del(await leave(stage), { ...everything, prevResult: result });
    await host.node.exec("rm", ["-f", "/run/plain"]);
    await intact();
  });

  test("now serves another container: its interface is left alone", async () => {
    await using stage = await prepared();
    const { host, pod, neighbour, intact } = stage;
    const before = await containerState(host.node, neighbour.name);
    await host.del({ ...pod, netns: neighbour.netns }, everything);
    await intact();
    expect(await containerState(host.node, neighbour.name)).toEqual(before);
  });

  test("now holds an interface of that name that no ptp plugin made: it stays", async () => {
    await using stage = await prepared();
    const { host, pod, intact } = stage;
    await host.node.exec("ip", ["link", "delete", "eth0"], { netns: pod.name });
    await host.node.exec("ip", ["link", "add", "eth0", "type", "bridge"], { netns: pod.name });
    await host.del(pod, everything);
    await intact();
    expect((await link(host.node, "eth0", pod.name)).linkinfo?.info_kind).toBe("bridge");
  });
});

/** What an operator may have changed in the configuration since ADD. */
const changes: [string, Keys][] = [
  ["a broken prevResult", { prevResult: { cniVersion: "9", ips: "x" } }],
  ["ipMasq off", { ipMasq: false }],
  ["the oldest version", { cniVersion: "0.1.0" }],
  ["another range in the same store", { ipam: hostLocal(["10.77.0.0/24", subnet6]) }],
  ["keys of the wrong type", { mtu: "big", ipMasq: "yes", ipMasqBackend: 7, nonMasqueradeCIDRs: "x" }],
];

describe.runIf(canRun(...programs))("DEL leaves nothing when the configuration has", () => {
  test.each(changes)("%s", async (_change, keys) => {
    await using stage = await prepared();
    await stage.host.del(stage.pod, { ...everything, ...keys });
    await stage.intact();
  });

  test("no IPAM any more: all but the addresses goes", async () => {
    await using stage = await prepared();
    const { host, pod, intact } = stage;
    await host.del(pod, { ...everything, ipam: {} });
    expect(await links(host.node, "a")).toHaveLength(1);
    expect(await reservations(host.node)).toHaveLength(4);
    await host.del(pod, everything);
    await intact();
  });

  test("an IPAM plugin that is missing: the failure is told, and all else goes", async () => {
    await using stage = await prepared();
    const { host, pod } = stage;
    failed(await host.call("DEL", pod, { ...everything, ipam: { type: "missing" } }), 5, "missing");
    expect(await links(host.node, "a")).toHaveLength(1);
    await host.del(pod, everything);
    await stage.intact();
  });
});

describe.runIf(canRun(...programs))("DEL", () => {
  test("may be repeated", async () => {
    await using stage = await prepared();
    for (let time = 1; time <= 3; time++) await stage.host.del(stage.pod, everything);
    await stage.intact();
  });

  test("of one interface leaves the container's other one on the same network alone", async () => {
    await using stage = await prepared();
    const { host, pod, result, intact } = stage;
    const second = { ...pod, ifname: "eth1" };
    const withoutDefault = {
      ...everything,
      ipam: { ...(everything["ipam"] as Keys), routes: [{ dst: "198.51.100.0/24" }] },
    };
    await host.add(second, withoutDefault);
    await host.del(second, everything);
    await host.check(pod, everything, result);
    await host.del(pod, everything);
    await intact();
  });
});

/** How an attachment can be half gone while its host's end, its rules and its reservation are still there. */
const remains: [string, string][] = [
  ["was renamed", "ip -n a link set eth0 down; ip -n a link set eth0 name old0"],
  ["was moved to another namespace", "ip -n a link set eth0 netns elsewhere"],
  ["was deleted", "ip -n a link del eth0"],
];

describe.runIf(canRun(...programs))("ADD of a container that was never deleted", () => {
  test.each(remains)(
    "works when its interface %s: nothing of the first one stays",
    async (_case, command) => {
      await using stage = await prepared();
      const { host, pod, intact } = stage;
      await host.node.addNetns("elsewhere");
      await host.node.exec("sh", ["-ec", command]);
      const result = await host.add(pod, everything);
      await host.check(pod, everything, result);
      await host.del(pod, everything);
      await intact();
    },
  );

  test("is refused when its interface is there, which stays as it is", async () => {
    await using stage = await prepared();
    const { host, pod, result } = stage;
    failed(await host.call("ADD", pod, everything), 4, /eth0.*already exists/);
    await host.check(pod, everything, result);
  });
});

describe.runIf(canRun(...programs))("GC", () => {
  test("removes what is not in the list, whatever the configuration says by now", async () => {
    await using stage = await prepared();
    const { host, pod, neighbour, intact } = stage;
    await host.add(await host.pod("b"), everything);
    await host.node.deleteNetns(pod.name);
    await host.gc({ ...everything, ipMasq: false, mtu: -1 }, [neighbour]);
    expect(await links(host.node, "b")).toHaveLength(1);
    await intact();
  });

  test("leaves alone what is in the list, and other networks", async () => {
    await using stage = await prepared();
    const { host, pod, neighbour, result } = stage;
    const other = await host.pod("other");
    const config = { ...everything, name: "other", ipam: hostLocal(["10.5.0.0/24"]) };
    const kept = await host.add(other, config);
    const before = await hostState(host.node);
    await host.gc(everything, [pod, neighbour]);
    expect(await hostState(host.node)).toEqual(before);
    await host.check(pod, everything, result);
    await host.check(other, config, kept);
  });

  test("without a list removes nothing", async () => {
    await using stage = await prepared();
    failed(await stage.host.call("GC", undefined, everything), 7, "valid-attachments");
    await stage.host.check(stage.pod, everything, stage.result);
  });
});
