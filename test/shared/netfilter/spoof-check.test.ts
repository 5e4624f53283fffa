import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, ping } from "../../helpers/index.ts";
import { nftRuleset } from "./recorded.ts";
import { call, callSource, type Owner, owner, tracedPrograms } from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const guard = (who: Owner, hostInterface: string, mac: string) =>
  call(node, "spoof-check", "ensureSpoofCheck", { owner: who, hostInterface, mac });
const check = (who: Owner, hostInterface: string, mac: string) =>
  call(node, "spoof-check", "checkSpoofCheck", { owner: who, hostInterface, mac });
const remove = (who: Owner, hostInterface: string) =>
  call(node, "spoof-check", "removeSpoofCheck", who, hostInterface);
const listing = async () => (await node.exec("nft", ["list", "ruleset"])).stdout;

const mac = (last: string) => `02:00:00:00:00:${last}`;

/** Two pods on one bridge: `pod` and its port `port-pod`. */
const createBridge = async (...pods: string[]) => {
  const commands = ["ip link add br0 type bridge", "ip link set br0 up"];
  await node.addNetnses(pods);
  for (const [index, pod] of pods.entries()) {
    commands.push(
      `ip link add port-${pod} type veth peer name eth0 address ${mac(`0${index}`)} netns ${pod}`,
      `ip link set port-${pod} master br0 up`,
      `ip -n ${pod} address add 10.1.0.${index + 1}/24 dev eth0`,
      `ip -n ${pod} link set eth0 up`,
    );
  }
  await node.exec("sh", ["-ec", commands.join("\n")]);
};

describe.runIf(canRun("nft", "ip", "ping"))("the spoof check", () => {
  test("drops frames with a forged address, and only from the guarded port", async () => {
    await createBridge("a", "b");
    const forge = async (pod: string, address: string) => {
      await node.exec("ip", ["-n", pod, "link", "set", "eth0", "address", address]);
      for (const each of ["a", "b"]) await node.exec("ip", ["-n", each, "neighbour", "flush", "all"]);
    };
    const reaches = (seconds: number) => ping(node, "10.1.0.2", { netns: "a", seconds });
    expect(await guard(owner("c1"), "port-a", mac("00"))).toBeNull();
    expect(await reaches(5)).toBe(true);
    await forge("a", mac("aa"));
    expect(await reaches(1)).toBe(false);
    expect(await listing()).toMatch(/counter packets [1-9]\d* .*drop/);
    await forge("a", mac("00"));
    expect(await reaches(5)).toBe(true);
    // The other port is nobody's business.
    await forge("b", mac("bb"));
    expect(await reaches(5)).toBe(true);
    // Its own address on a guarded port of somebody else is forged all the same.
    expect(await guard(owner("c2"), "port-b", mac("bb"))).toBeNull();
    await forge("a", mac("cc"));
    expect(await reaches(1)).toBe(false);
    expect(await remove(owner("c1"), "port-a")).toBeNull();
    expect(await reaches(5)).toBe(true);
  });

  test("is listed by nft as if nft had made it", async () => {
    expect(await guard(owner("c1"), "veth1", mac("01"))).toBeNull();
    const ours = await listing();
    await node.exec("nft", ["flush", "ruleset"]);
    await node.exec("nft", ["-f", "-"], { input: nftRuleset });
    expect(ours).toBe(await listing());
  });

  test("is replaced, not doubled, when the address changes", async () => {
    expect(await guard(owner("c1"), "veth1", mac("01"))).toBeNull();
    const once = await listing();
    expect(await guard(owner("c1"), "veth1", mac("02"))).toBeNull();
    expect(await listing()).toBe(once.replace(mac("01"), mac("02")));
    expect(await check(owner("c1"), "veth1", mac("02"))).toBeNull();
    expect(await check(owner("c1"), "veth1", mac("01"))).toMatchObject({
      message: `frames from veth1 are not held to the MAC address ${mac("01")} of eth0`,
    });
  });

  test("goes with its owner, again and again, and leaves the others", async () => {
    expect(await guard(owner("c2"), "veth2", mac("02"))).toBeNull();
    const before = await listing();
    expect(await guard(owner("c1"), "vethABCDEFGHIJK", mac("01"))).toBeNull();
    expect(await remove(owner("c3"), "vethABCDEFGHIJK")).toBeNull();
    expect(await check(owner("c1"), "vethABCDEFGHIJK", mac("01"))).toBeNull();
    for (let time = 1; time <= 2; time++) {
      expect(await remove(owner("c1"), "vethABCDEFGHIJK")).toBeNull();
      expect(await listing()).toBe(before);
    }
  });

  test("is removed from a node that has none, without making the table", async () => {
    expect(await remove(owner("c1"), "veth1")).toBeNull();
    expect(await call(node, "spoof-check", "collectSpoofChecks", "net", [])).toBeNull();
    expect(await call(node, "spoof-check", "prepareSpoofCheck")).toBeNull();
    expect(await listing()).toBe("");
  });

  test("is collected for what is not to be kept, on that network only", async () => {
    await guard(owner("keep"), "veth1", mac("01"));
    await guard(owner("c1", "eth0", "net2"), "veth2", mac("02"));
    const before = await listing();
    await guard(owner("stale"), "veth3", mac("03"));
    await guard(owner("keep", "eth1"), "veth4", mac("04"));
    expect(await call(node, "spoof-check", "collectSpoofChecks", "net", [owner("keep")])).toBeNull();
    expect(await listing()).toBe(before);
  });

  test.each([
    ["flush ruleset"],
    ["flush chain bridge podwire prerouting"],
    ["add rule bridge podwire prerouting accept"],
    ["insert rule bridge podwire prerouting accept"],
  ])("is found broken, and repaired by the next one: nft %s", async (command) => {
    await guard(owner("c1"), "veth1", mac("01"));
    const [sets = ""] = (await listing()).split("chain");
    await node.exec("nft", [command]);
    expect(await check(owner("c1"), "veth1", mac("01"))).toMatchObject({ code: 999 });
    await guard(owner("c1"), "veth1", mac("01"));
    expect(await check(owner("c1"), "veth1", mac("01"))).toBeNull();
    const repaired = await listing();
    expect(repaired.split("chain")[0]).toBe(sets);
    expect(repaired.match(/drop|accept(?!;)/g)).toHaveLength(1 + 1);
  });

  test("can be removed after it was saved and loaded by nft", async () => {
    await guard(owner("c2"), "veth2", mac("02"));
    const before = await listing();
    await guard(owner("c1"), "veth1", mac("01"));
    const saved = await listing();
    await node.exec("nft", ["flush", "ruleset"]);
    await node.exec("nft", ["-f", "-"], { input: saved });
    expect(await remove(owner("c1"), "veth1")).toBeNull();
    expect(await listing()).toBe(before);
  });

  test.runIf(canRun("strace"))("runs no program", async () => {
    const value = { owner: owner("c1"), hostInterface: "veth1", mac: mac("01") };
    for (const name of ["ensureSpoofCheck", "checkSpoofCheck"]) {
      expect(await tracedPrograms(node, callSource("spoof-check", name, value))).toEqual([]);
    }
    expect(
      await tracedPrograms(node, callSource("spoof-check", "removeSpoofCheck", owner("c1"), "veth1")),
    ).toEqual([]);
  });

  test("stands for a hundred ports that come at once, beside an nft that changes rules all the while", async () => {
    const ports = Array.from({ length: 100 }, (_, index) => ({
      who: owner(`c${index}`),
      port: `veth${index}`,
      mac: mac((index + 1).toString(16).padStart(2, "0")),
    }));
    const restless = node.start("sh", [
      "-c",
      "while :; do nft 'add table inet other; add chain inet other c; add rule inet other c accept; delete table inet other'; done",
    ]);
    const outcomes = (work: (port: (typeof ports)[number]) => Promise<unknown>) =>
      Promise.all(ports.map(work));
    const none = ports.map(() => null);
    expect(await outcomes(({ who, port, mac }) => guard(who, port, mac))).toEqual(none);
    const full = await listing();
    expect(full.match(/comment "podwire network/g)).toHaveLength(2 * ports.length);
    expect(full.match(/counter/g)).toHaveLength(1);
    expect(await outcomes(({ who, port }) => remove(who, port))).toEqual(none);
    await restless.stop();
    expect(await listing()).not.toContain("podwire network");
  });
});
