import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  apply,
  check,
  collect,
  listingLines,
  masqueradeOf,
  nftablesWay,
  nftMembers,
  type Owner,
  owner,
  recordFiles,
  recordsOf,
  remove,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const wanted = (who: Owner, addresses: readonly string[], exceptions: readonly string[] = []) =>
  masqueradeOf(nftablesWay, who, addresses, exceptions);
const ensure = (who: Owner, addresses: readonly string[], exceptions: readonly string[] = []) =>
  apply(node, wanted(who, addresses, exceptions));
const ask = (who: Owner, addresses: readonly string[], exceptions: readonly string[] = []) =>
  check(node, wanted(who, addresses, exceptions));
const nft = async (...args: string[]) => (await node.exec("nft", args)).stdout;
const load = (input: string) => node.exec("nft", ["-f", "-"], { input });
const listing = () => nft("list", "table", "inet", "podwire");
const lines = async () => listingLines(await listing());

const both = ["10.1.0.2/24", "fd00:1::2/64"];

const golden = `table inet podwire {
	comment "podwire: what containers want of the packet filter; changes are overwritten"
	set pods4-net-10.1.0.0/24-HASH {
		type ipv4_addr
		comment "addresses of containers, each with its owner"
		elements = { 10.1.0.2 comment "podwire network=net container=c1 interface=eth0", 255.255.255.255 comment "podwire: missing where the set was emptied" }
	}

	set pods6-net-fd00_1__/64 {
		type ipv6_addr
		comment "addresses of containers, each with its owner"
		elements = { fd00:1::2 comment "podwire network=net container=c1 interface=eth0", ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff comment "podwire: missing where the set was emptied" }
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return comment "multicast keeps its source address (IPv4)"
		ip6 daddr ff00::/8 return comment "multicast keeps its source address (IPv6)"
		ip saddr @pods4-net-10.1.0.0/24-HASH goto from4-net-10.1.0.0/24-HASH comment "pods4-net-10.1.0.0/24-HASH leave with the node's address"
		ip6 saddr @pods6-net-fd00_1__/64 goto from6-net-fd00_1__/64 comment "pods6-net-fd00_1__/64 leave with the node's address"
	}

	chain from4-net-10.1.0.0/24-HASH {
		ip daddr 10.1.0.0/24 return comment "to 10.1.0.0/24 nothing changes"
		ip daddr 192.168.0.0/17 return comment "to 192.168.0.0/17 nothing changes"
		masquerade fully-random comment "all else leaves with the node's address"
	}

	chain from6-net-fd00_1__/64 {
		ip6 daddr fd00:1::/64 return comment "to fd00:1::/64 nothing changes"
		masquerade fully-random comment "all else leaves with the node's address"
	}
}`;

describe.runIf(canRun("nft"))("the table inet podwire", () => {
  test("is this for one attachment of both families", async () => {
    expect(await ensure(owner("c1"), both, ["192.168.0.0/17"])).toBeNull();
    const text = (await listing()).replace(/\/24-[0-9a-f]{8}/g, "/24-HASH");
    expect(listingLines(text)).toEqual(listingLines(golden));
  });

  test("is as large for three addresses of a network as for one, and is the same after a repeated ADD", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const rules = async () =>
      (await listing()).split("\n").filter((line) => !/^\s*elements|^\s+("|\d|fd|ff)/.test(line));
    const before = await rules();
    for (const [index, name] of ["c1", "c2", "c3"].entries()) {
      expect(await ensure(owner(name), [`10.1.0.${index + 2}/24`, `fd00:1::${index + 2}/64`])).toBeNull();
    }
    expect(await nftMembers(node, "pods")).toHaveLength(6);
    expect(await rules()).toEqual(before);
  });

  test.each([
    [
      "of every prefix length",
      ["10.1.0.2/0", "10.1.0.2/1", "10.1.0.2/31", "10.1.0.3/32", "fd00::2/0", "fd00::3/127"],
    ],
    ["that are single", ["10.1.0.3/32", "fd00::3/128"]],
  ])("takes networks %s, in a form that nft loads again", async (_kind, addresses) => {
    const names = addresses.map((address) => owner(address.replace(/\W/g, "-")));
    for (const [index, address] of addresses.entries()) {
      expect(await ensure(names[index] as Owner, [address])).toBeNull();
    }
    const before = await lines();
    await load(`flush ruleset\n${await listing()}`);
    expect(await lines()).toEqual(before);
    // Any call that changes something makes the rules anew.
    expect(await ensure(owner("next"), ["10.9.0.2/24"])).toBeNull();
    expect(await remove(node, owner("next"))).toBeNull();
    expect(await ask(names.at(-1) as Owner, addresses.slice(-1))).toBeNull();
  });
});

const long: Owner = {
  network: "a-network-of-a-long-name-as-some-people-like-them",
  containerId: "0123456789abcdef".repeat(4),
  ifname: "interface-name1",
};

const names: [string, Owner][] = [
  ["short", owner("c1")],
  ["long", long],
  ["very long", { ...long, network: "n".repeat(200), containerId: "c".repeat(200), ifname: "ééééééé" }],
];

const exceptions = ["192.168.0.0/16"];

describe.runIf(canRun("nft"))("a table that was saved and loaded again", () => {
  const setUp = async (who: Owner) => {
    const other = { ...who, containerId: `${who.containerId}2` };
    expect(await ensure(who, both, exceptions)).toBeNull();
    expect(await ensure(other, ["10.1.0.3/24", "fd00:1::3/64"], exceptions)).toBeNull();
    const before = await lines();
    await load(`flush ruleset\n${await listing()}`);
    expect(await lines()).toEqual(before);
    return other;
  };

  test.each(names)(
    "is named by CHECK, and DEL and GC find everything in it (%s names)",
    async (_kind, who) => {
      const other = await setUp(who);
      expect(await ask(who, both, exceptions)).toMatchObject({
        code: 999,
        message: expect.stringMatching(/is changed, or out of its place in the table inet podwire$/),
      });
      expect(await remove(node, who)).toBeNull();
      expect(await nftMembers(node)).toHaveLength(2);
      expect(await ask(other, ["10.1.0.3/24", "fd00:1::3/64"], exceptions)).toBeNull();
      await load(`flush ruleset\n${await listing()}`);
      expect(await collect(node, who.network, [other])).toBeNull();
      expect(await nftMembers(node)).toHaveLength(2);
      await load(`flush ruleset\n${await listing()}`);
      expect(await collect(node, who.network, [])).toBeNull();
      expect(await nftMembers(node)).toEqual([]);
      expect(await recordFiles(node)).toEqual([]);
    },
  );

  test.each(names)(
    "as after a boot, without its records, brings no dead container back (%s names)",
    async (_kind, who) => {
      const other = await setUp(who);
      await node.exec("rm", ["-r", "/run/podwire"]);
      const alive = owner("alive");
      expect(await ask(who, both, exceptions)).toMatchObject({
        code: 999,
        message: expect.stringContaining("the records of the packet filter are missing"),
      });
      expect(await ensure(alive, ["10.1.0.3/24"])).toBeNull();
      expect(await nftMembers(node)).toEqual(["10.1.0.3 podwire network=net container=alive interface=eth0"]);
      expect((await recordsOf(node)).map(({ owner: each }) => each)).toEqual([alive]);
      expect(await remove(node, other)).toBeNull();
      expect(await ask(alive, ["10.1.0.3/24"])).toBeNull();
    },
  );
});

describe.runIf(canRun("nft"))("what other programs do to the table", () => {
  test.each([
    ["nothing is left of the packet filter", "flush ruleset"],
    ["the table was taken out", "delete table inet podwire"],
    ["the base chain was emptied", "flush chain inet podwire postrouting"],
    ["a network's chain was emptied", "flush chain inet podwire from4-net-10.1.0.0/24"],
    ["all rules were taken out", "flush table inet podwire"],
    ["an address was taken out", "delete element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 }"],
    ["a set was emptied", "flush set inet podwire pods6-net-fd00_1__/64"],
    [
      "an address was given to another container",
      'delete element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 }; add element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 comment "podwire network=net container=c9 interface=eth0" }',
    ],
  ])("is found by CHECK, and repaired by the next ADD of the attachment: %s", async (_what, command) => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const before = await lines();
    expect(await ask(owner("c1"), both)).toBeNull();
    await load(command);
    expect(await ask(owner("c1"), both)).toMatchObject({
      code: 999,
      message: expect.stringMatching(
        /^eth0 of container c1: .* in (the set \S+ of )?the table (inet )?podwire$/,
      ),
      details: expect.stringContaining("nft list table inet podwire"),
    });
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await lines()).toEqual(before);
    expect(await ask(owner("c1"), both)).toBeNull();
  });

  test.each([
    ["the base chain was emptied", "flush chain inet podwire postrouting"],
    ["all rules were taken out", "flush table inet podwire"],
    ["a set was emptied", "flush set inet podwire pods4-net-10.1.0.0/24"],
  ])("does not keep an address from its next owner: %s", async (_what, command) => {
    expect(await ensure(owner("dead"), both)).toBeNull();
    await load(command);
    expect(await ensure(owner("alive"), both)).toBeNull();
    expect(await ask(owner("alive"), both)).toBeNull();
    expect(await remove(node, owner("dead"))).toBeNull();
    expect(await ask(owner("alive"), both)).toBeNull();
  });

  test.each([
    ["the base chain was emptied", "flush chain inet podwire postrouting"],
    ["all rules were taken out", "flush table inet podwire"],
  ])(
    "does not keep addresses from going with DEL, and their networks with GC: %s",
    async (_what, command) => {
      expect(await ensure(owner("c1"), both)).toBeNull();
      expect(await ensure(owner("c2"), ["10.1.0.3/24"])).toBeNull();
      await load(command);
      expect(await remove(node, owner("c1"))).toBeNull();
      expect(await nftMembers(node)).toEqual(["10.1.0.3 podwire network=net container=c2 interface=eth0"]);
      await load(command);
      expect(await collect(node, "net", [])).toBeNull();
      expect(await nft("list", "tables")).toBe("");
    },
  );

  test("may be elements, sets and chains of their own: they do no harm until a repair removes them", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    await load(`
      add element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.77, 10.1.0.78 comment "mine" }
      add set inet podwire mine { type ipv4_addr; }
      add set inet podwire pods4-mine { type ipv4_addr . inet_service; }
      add element inet podwire pods4-mine { 10.1.0.9 . 80 }
      add chain inet podwire mine
      add rule inet podwire mine ip6 saddr @pods6-net-fd00_1__/64 counter
      add rule inet podwire mine goto from6-net-fd00_1__/64`);
    expect(await ask(owner("c1"), both)).toBeNull();
    expect(await ensure(owner("c2"), ["10.1.0.3/24", "10.1.0.77/24"])).toBeNull();
    expect(await ask(owner("c2"), ["10.1.0.3/24", "10.1.0.77/24"])).toBeNull();
    expect(await remove(node, owner("c1"))).toBeNull();
    expect(await listing()).toContain('10.1.0.78 comment "mine"');
    await load("add rule inet podwire postrouting counter");
    expect(await ask(owner("c2"), ["10.1.0.3/24"])).toMatchObject({
      code: 999,
      message: expect.stringContaining("the chain postrouting has a rule too many"),
    });
    expect(await remove(node, owner("none"))).toBeNull();
    expect(await collect(node, "net", [owner("c2")])).toBeNull();
    expect(await listing()).not.toContain("mine");
    expect(await nftMembers(node)).toHaveLength(2);
    expect(await ask(owner("c2"), ["10.1.0.3/24", "10.1.0.77/24"])).toBeNull();
  });

  test.each([
    ["a set of another kind", "add set inet podwire pods4-net-10.1.0.0/24 { type ipv6_addr; }"],
    ["a chain elsewhere", "add chain inet podwire postrouting { type filter hook input priority 0; }"],
  ])("before the first ADD, under our names, is replaced: %s", async (_what, command) => {
    await load(`add table inet podwire\n${command}`);
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await listing()).toContain("type nat hook postrouting priority srcnat");
    expect(await listing()).not.toContain("hook input");
    expect(await ask(owner("c1"), both)).toBeNull();
  });
});

describe.runIf(canRun("nft"))("GC", () => {
  test("removes a network with its last address, and only then; and the table with the last network", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await ensure(owner("c2", "eth0", "two"), ["10.2.0.2/24"])).toBeNull();
    expect(await collect(node, "two", [])).toBeNull();
    const text = await listing();
    expect(text).not.toContain("10.2.0");
    expect(text).toContain("from4-net-10.1.0.0/24");
    expect(await ask(owner("c1"), both)).toBeNull();
    expect(await collect(node, "net", [])).toBeNull();
    expect(await nft("list", "tables")).toBe("");
  });

  test("removes thousands of elements that have no record, and a rule that is there twice", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const rule = (await listing()).split("\n").find((line) => line.includes("ip saddr @pods4")) ?? "";
    const elements = (text: (index: number) => string) =>
      Array.from(
        { length: 3000 },
        (_, index) => `${text(index)} comment "podwire network=net container=x${index} interface=eth0"`,
      );
    const octets = (index: number) => `${1 + Math.floor(index / 250)}.${index % 250}`;
    await load(`
      add element inet podwire pods4-net-10.1.0.0/24 { ${elements((index) => `10.9.${octets(index)}`)} }
      add element inet podwire pods6-net-fd00_1__/64 { ${elements((index) => `fd00:1::9:${index}`)} }
      add rule inet podwire postrouting ${rule}`);
    expect(await collect(node, "net", [owner("c1")])).toBeNull();
    expect(await nftMembers(node)).toHaveLength(2);
    expect(await recordFiles(node)).toHaveLength(1 + 2);
    expect(await ask(owner("c1"), both)).toBeNull();
    expect(await collect(node, "net", [])).toBeNull();
    expect(await nft("list", "tables")).toBe("");
  });
});
