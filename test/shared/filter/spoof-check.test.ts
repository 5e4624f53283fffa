import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, ping } from "../../helpers/index.ts";
import {
  apply,
  check,
  collect,
  listingLines,
  type Owner,
  owner,
  prepare,
  recordFiles,
  remove,
  spoofCheckOf,
  startedPrograms,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const guard = (who: Owner, port: string, mac: string) => apply(node, spoofCheckOf(who, port, mac));
const ask = (who: Owner, port: string, mac: string) => check(node, spoofCheckOf(who, port, mac));
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

/** The table of one guarded port, as nft takes it. */
const ruleset = `
table bridge podwire {
  comment "podwire: MAC addresses of bridge ports; changes are overwritten"
  set guarded {
    type ifname
    comment "bridge ports with a MAC address of their own"
    elements = { "lo" comment "podwire: missing where the set was emptied",
      "veth1" comment "podwire network=net container=c1 interface=eth0" }
  }
  set allowed {
    type ifname . ether_addr
    comment "each guarded port with its MAC address"
    elements = { "lo" . 00:00:00:00:00:00 comment "podwire: missing where the set was emptied",
      "veth1" . 02:00:00:00:00:01 comment "podwire network=net container=c1 interface=eth0" }
  }
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname @guarded iifname . ether saddr != @allowed counter drop comment "drop frames with a forged source address"
  }
}
`;

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
    // The other port is not looked at.
    await forge("b", mac("bb"));
    expect(await reaches(5)).toBe(true);
    // Its own address on another one's guarded port is forged all the same.
    expect(await guard(owner("c2"), "port-b", mac("bb"))).toBeNull();
    await forge("a", mac("cc"));
    expect(await reaches(1)).toBe(false);
    expect(await remove(node, owner("c1"))).toBeNull();
    expect(await reaches(5)).toBe(true);
  });

  test("is listed by nft as if nft had made it", async () => {
    expect(await guard(owner("c1"), "veth1", mac("01"))).toBeNull();
    const ours = await listing();
    await node.exec("nft", ["flush", "ruleset"]);
    await node.exec("nft", ["-f", "-"], { input: ruleset });
    expect(listingLines(ours)).toEqual(listingLines(await listing()));
  });

  test("is replaced, not doubled, when the address changes", async () => {
    expect(await guard(owner("c1"), "veth1", mac("01"))).toBeNull();
    const once = await listing();
    expect(await guard(owner("c1"), "veth1", mac("02"))).toBeNull();
    expect(listingLines(await listing())).toEqual(listingLines(once.replace(mac("01"), mac("02"))));
    expect(await ask(owner("c1"), "veth1", mac("02"))).toBeNull();
    expect(await ask(owner("c1"), "veth1", mac("01"))).toMatchObject({
      code: 999,
      message: `eth0 of container c1: the MAC address ${mac("01")} of the port veth1 is missing in the set allowed of the table podwire`,
    });
  });

  test("goes with its owner, again and again, and leaves the others", async () => {
    expect(await guard(owner("c2"), "veth2", mac("02"))).toBeNull();
    const [before, files] = [await listing(), await recordFiles(node)];
    expect(await guard(owner("c1"), "vethABCDEFGHIJK", mac("01"))).toBeNull();
    expect(await remove(node, owner("c3"))).toBeNull();
    expect(await ask(owner("c1"), "vethABCDEFGHIJK", mac("01"))).toBeNull();
    for (let time = 1; time <= 2; time++) {
      expect(await remove(node, owner("c1"))).toBeNull();
      expect(await listing()).toBe(before);
      expect(await recordFiles(node)).toEqual(files);
    }
  });

  test("is removed from a node that has none, without making the table", async () => {
    expect(await remove(node, owner("c1"))).toBeNull();
    expect(await collect(node, "net", [])).toBeNull();
    expect(await prepare(node, spoofCheckOf(owner("c1"), "veth1", mac("01")))).toBeNull();
    expect(await listing()).toBe("");
  });

  test("is collected for what is not to be kept, on that network only", async () => {
    await guard(owner("keep"), "veth1", mac("01"));
    await guard(owner("c1", "eth0", "net2"), "veth2", mac("02"));
    const before = await listing();
    await guard(owner("stale"), "veth3", mac("03"));
    await guard(owner("keep", "eth1"), "veth4", mac("04"));
    expect(await collect(node, "net", [owner("keep")])).toBeNull();
    expect(await listing()).toBe(before);
  });

  test.runIf(canRun("strace"))("runs no program", async () => {
    const wanted = spoofCheckOf(owner("c1"), "veth1", mac("01"));
    const calls = [
      { verb: "apply", wanted },
      { verb: "check", wanted },
      { verb: "remove", owner: wanted.owner, kind: "interface" },
      { verb: "collect", network: "net", keep: [], kind: "interface" },
    ] as const;
    expect(await startedPrograms(node, "nf_tables", ...calls)).toEqual([]);
  });

  test("stands for a hundred ports that come at once, beside an nft that changes rules all the while", async () => {
    const ports = Array.from({ length: 100 }, (_, index) => ({
      who: owner(`c${index}`),
      port: `veth${index}`,
      address: mac((index + 1).toString(16).padStart(2, "0")),
    }));
    const restless = node.start("sh", [
      "-c",
      "while :; do nft 'add table inet other; add chain inet other c; add rule inet other c accept; delete table inet other'; done",
    ]);
    const outcomes = (work: (port: (typeof ports)[number]) => Promise<unknown>) =>
      Promise.all(ports.map(work));
    const none = ports.map(() => null);
    expect(await outcomes(({ who, port, address }) => guard(who, port, address))).toEqual(none);
    const full = await listing();
    expect(full.match(/comment "podwire network/g)).toHaveLength(2 * ports.length);
    expect(full.match(/counter/g)).toHaveLength(1);
    expect(await outcomes(({ who }) => remove(node, who))).toEqual(none);
    await restless.stop();
    expect(await listing()).not.toContain("podwire network");
  });
});
