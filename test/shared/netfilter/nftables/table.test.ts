import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { call, nftablesWay, nftMembers, type Outcome, type Owner, owner, requestOf } from "../world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const act =
  (name: string) =>
  (who: Owner, addresses: readonly string[], more: object = {}): Promise<Outcome> =>
    call(node, "masquerade", name, requestOf(nftablesWay, who, addresses, more));
const ensure = act("ensureMasquerade");
const check = act("checkMasquerade");
const remove = (who: Owner) =>
  call(node, "masquerade", "removeMasquerade", { owner: who, hasSiblings: false, environment: {} });
const collect = (network: string, ...keep: Owner[]) =>
  call(node, "masquerade", "collectMasquerade", { network, keep, environment: {} });
const nft = async (...args: string[]) => (await node.exec("nft", args)).stdout;
const load = (input: string) => node.exec("nft", ["-f", "-"], { input });
const listing = () => nft("list", "table", "inet", "podwire");

const both = ["10.1.0.2/24", "fd00:1::2/64"];

const golden = `table inet podwire {
	comment "podwire: masquerade and host ports of containers"
	set attachments {
		type ifname
		comment "who is masqueraded: the host's interface, and its owner"
		elements = { "vethHASH" comment "podwire network=net container=c1 interface=eth0" }
	}

	set pods4-10.1.0.0/24-HASH {
		type ipv4_addr
		comment "addresses of containers, each with its owner"
		elements = { 10.1.0.2 comment "podwire network=net container=c1 interface=eth0" }
	}

	set pods6-fd00_1__/64 {
		type ipv6_addr
		comment "addresses of containers, each with its owner"
		elements = { fd00:1::2 comment "podwire network=net container=c1 interface=eth0" }
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return comment "multicast keeps its source address (IPv4)"
		ip6 daddr ff00::/8 return comment "multicast keeps its source address (IPv6)"
		ip saddr @pods4-10.1.0.0/24-HASH goto from4-10.1.0.0/24-HASH comment "pods4-10.1.0.0/24-HASH leave with the address of this node, except to 10.1.0.0/24 192.168.0.0/17"
		ip6 saddr @pods6-fd00_1__/64 goto from6-fd00_1__/64 comment "pods6-fd00_1__/64 leave with the address of this node, except to fd00:1::/64"
	}

	chain from4-10.1.0.0/24-HASH {
		ip daddr 10.1.0.0/24 return comment "to 10.1.0.0/24 nothing changes"
		ip daddr 192.168.0.0/17 return comment "to 192.168.0.0/17 nothing changes"
		masquerade fully-random comment "all else leaves with the address of this node"
	}

	chain from6-fd00_1__/64 {
		ip6 daddr fd00:1::/64 return comment "to fd00:1::/64 nothing changes"
		masquerade fully-random comment "all else leaves with the address of this node"
	}
}`;

describe.runIf(canRun("nft"))("the table inet podwire", () => {
  test("is this for one attachment of both families", async () => {
    expect(await ensure(owner("c1"), both, { exceptions: ["192.168.0.0/17"] })).toBeNull();
    const text = await listing();
    expect(text.replace(/veth[0-9a-f]{11}/, "vethHASH").replace(/\/24-[0-9a-f]{8}/g, "/24-HASH")).toBe(
      golden,
    );
  });

  test("is as large for three addresses of a network as for one, and is the same after a repeated ADD", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const rules = async () =>
      (await listing()).split("\n").filter((line) => !/^\s*elements|^\s+"/.test(line));
    const before = await rules();
    for (const [index, name] of ["c1", "c2", "c3"].entries()) {
      expect(await ensure(owner(name), [`10.1.0.${index + 2}/24`, `fd00:1::${index + 2}/64`])).toBeNull();
    }
    expect(await nftMembers(node, "pods")).toHaveLength(6);
    expect((await rules()).filter((line) => !line.includes("podwire network="))).toEqual(before);
  });

  test.each([
    [
      "of every prefix length",
      ["10.1.0.2/0", "10.1.0.2/1", "10.1.0.2/31", "10.1.0.3/32", "fd00::2/0", "fd00::3/127"],
    ],
    ["that are single", ["10.1.0.3/32", "fd00::3/128"]],
  ])("takes networks %s, in a form that nft loads again", async (_kind, addresses) => {
    for (const address of addresses)
      expect(await ensure(owner(address.replace(/\W/g, "-")), [address])).toBeNull();
    const text = await listing();
    await load(`flush ruleset\n${text}`);
    expect(await listing()).toBe(text);
    const last = addresses.at(-1) ?? "";
    expect(await check(owner(last.replace(/\W/g, "-")), [last])).toBeNull();
  });
});

const long: Owner = {
  network: "a-network-of-a-long-name-as-some-people-like-them",
  containerId: "0123456789abcdef".repeat(4),
  ifname: "interface-name1",
};

describe.runIf(canRun("nft"))("a table that was saved and loaded again", () => {
  test.each([
    ["short", owner("c1")],
    ["long", long],
    ["very long", { ...long, network: "n".repeat(200), containerId: "c".repeat(200), ifname: "ééééééé" }],
  ])("passes CHECK, and DEL and GC find everything in it (%s names)", async (_kind, who) => {
    const other = { ...who, containerId: `${who.containerId}2` };
    const more = { exceptions: ["192.168.0.0/16"] };
    expect(await ensure(who, both, more)).toBeNull();
    expect(await ensure(other, ["10.1.0.3/24", "fd00:1::3/64"], more)).toBeNull();
    const text = await listing();
    await load(`flush ruleset\n${text}`);
    expect(await listing()).toBe(text);
    expect(await check(who, both, more)).toBeNull();
    expect(await remove(who)).toBeNull();
    expect(await nftMembers(node, "pods")).toHaveLength(2);
    expect(await nftMembers(node, "attachments")).toHaveLength(1);
    expect(await collect(who.network, other)).toBeNull();
    expect(await nftMembers(node, "pods")).toHaveLength(2);
    expect(await collect(who.network)).toBeNull();
    expect(await nftMembers(node, "")).toEqual([]);
  });
});

describe.runIf(canRun("nft"))("what others do to the table", () => {
  test.each([
    ["nothing is left of the packet filter", "flush ruleset"],
    ["the table was taken out", "delete table inet podwire"],
    ["the base chain was emptied", "flush chain inet podwire postrouting"],
    ["a network's chain was emptied", "flush chain inet podwire from4-10.1.0.0/24"],
    ["all rules were taken out", "flush table inet podwire"],
    ["an address was taken out", "delete element inet podwire pods4-10.1.0.0/24 { 10.1.0.2 }"],
    ["a set was emptied", "flush set inet podwire pods6-fd00_1__/64"],
  ])("is found by CHECK, and mended by the next ADD of the attachment: %s", async (_what, command) => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const before = await listing();
    expect(await check(owner("c1"), both)).toBeNull();
    await load(command);
    expect(await check(owner("c1"), both)).toMatchObject({
      code: 999,
      message: expect.stringMatching(/^eth0 of container c1 is not masqueraded: .*inet podwire/),
      details: expect.stringContaining("nft list table inet podwire"),
    });
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await listing()).toBe(before);
    expect(await check(owner("c1"), both)).toBeNull();
  });

  test.each([
    ["the base chain was emptied", "flush chain inet podwire postrouting"],
    ["all rules were taken out", "flush table inet podwire"],
    ["the list of attachments was emptied", "flush set inet podwire attachments"],
  ])("does not keep an address from its next owner: %s", async (_what, command) => {
    expect(await ensure(owner("dead"), both)).toBeNull();
    await load(command);
    expect(await ensure(owner("alive"), both)).toBeNull();
    expect(await check(owner("alive"), both)).toBeNull();
    expect(await remove(owner("dead"))).toBeNull();
    expect(await check(owner("alive"), both)).toBeNull();
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
      expect(await remove(owner("c1"))).toBeNull();
      expect(await nftMembers(node, "pods")).toEqual([
        "10.1.0.3 podwire network=net container=c2 interface=eth0",
      ]);
      expect(await collect("net")).toBeNull();
      expect(await nftMembers(node, "")).toEqual([]);
      expect(await listing()).not.toMatch(/pods|from/);
    },
  );

  test("may be elements, sets, chains and rules of their own", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    await load(
      `
      add element inet podwire pods4-10.1.0.0/24 { 10.1.0.77, 10.1.0.78 comment "mine" }
      add element inet podwire attachments { "eth77" }
      add set inet podwire mine { type ipv4_addr; }
      add set inet podwire pods4-mine { type ipv4_addr . inet_service; }
      add element inet podwire pods4-mine { 10.1.0.9 . 80 }
      add chain inet podwire mine
      add rule inet podwire mine ip saddr @pods6-fd00_1__/64 counter
      add rule inet podwire mine goto from6-fd00_1__/64
      add rule inet podwire postrouting counter`.replace("ip saddr @pods6", "ip6 saddr @pods6"),
    );
    expect(await check(owner("c1"), both)).toBeNull();
    expect(await ensure(owner("c2"), ["10.1.0.3/24", "10.1.0.77/24"])).toBeNull();
    expect(await check(owner("c2"), ["10.1.0.3/24", "10.1.0.77/24"])).toBeNull();
    for (const who of ["c1", "c2"]) expect(await remove(owner(who))).toBeNull();
    expect(await collect("net")).toBeNull();
    const text = await listing();
    expect(text).toContain('10.1.0.78 comment "mine"');
    expect(text).toContain('"eth77"');
    expect(text).toContain("10.1.0.9 . 80");
    // The network that somebody else refers to stays, and still works.
    expect(text).toContain("ip6 saddr @pods6-fd00_1__/64 goto from6-fd00_1__/64");
    expect(text).toMatch(/chain mine \{\n.*counter.*\n.*goto from6-fd00_1__\/64/);
  });

  test("fails ADD with what to do when a set of another kind has our name", async () => {
    await load("add table inet podwire\nadd set inet podwire attachments { type ipv4_addr; }");
    const before = await nft("list", "ruleset");
    expect(await ensure(owner("c1"), both)).toMatchObject({
      details: expect.stringContaining("nft delete table inet podwire"),
    });
    expect(await nft("list", "ruleset")).toBe(before);
  });

  test("ADD puts a chain of our name at its hook", async () => {
    await load(
      "add table inet podwire\nadd chain inet podwire postrouting { type filter hook input priority 0; }",
    );
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await listing()).toContain("type nat hook postrouting priority srcnat");
    expect(await listing()).not.toContain("hook input");
    expect(await check(owner("c1"), both)).toBeNull();
  });
});

describe.runIf(canRun("nft"))("GC", () => {
  test("removes a network with its last address, and only then", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    expect(await ensure(owner("c2", "eth0", "two"), ["10.2.0.2/24"])).toBeNull();
    expect(await collect("two")).toBeNull();
    const text = await listing();
    expect(text).not.toContain("10.2.0");
    expect(text).toContain("from4-10.1.0.0/24");
    expect(await check(owner("c1"), both)).toBeNull();
  });

  test("removes thousands of attachments at once, and the one rule that two processes made twice", async () => {
    expect(await ensure(owner("c1"), both)).toBeNull();
    const rule = (await listing()).split("\n").find((line) => line.includes("ip saddr @pods4")) ?? "";
    const elements = (text: (index: number) => string) =>
      Array.from(
        { length: 3000 },
        (_, index) => `${text(index)} comment "podwire network=net container=x${index} interface=eth0"`,
      );
    const octets = (index: number) => `${1 + Math.floor(index / 250)}.${index % 250}`;
    await load(`
      add element inet podwire pods4-10.1.0.0/24 { ${elements((index) => `10.9.${octets(index)}`)} }
      add element inet podwire pods6-fd00_1__/64 { ${elements((index) => `fd00:1::9:${index}`)} }
      add element inet podwire attachments { ${elements((index) => `"x${index}"`)} }
      add rule inet podwire postrouting ${rule}`);
    expect(await collect("net", owner("c1"))).toBeNull();
    expect(await nftMembers(node, "")).toHaveLength(3);
    expect(await check(owner("c1"), both)).toBeNull();
    expect(await collect("net")).toBeNull();
    expect(await listing()).not.toMatch(/pods|from/);
  });
});

test.runIf(canRun("nft", "ipset", "iptables-save"))(
  "an address's earlier owner loses it also where it was masqueraded by the other backend",
  async () => {
    const iptables = { backend: "iptables" };
    expect(await ensure(owner("dead"), both, iptables)).toBeNull();
    expect(await ensure(owner("alive"), both)).toBeNull();
    expect((await node.exec("ipset", ["save"])).stdout).not.toContain("add ");
    expect(await check(owner("alive"), both)).toBeNull();
    expect(await ensure(owner("third"), both, iptables)).toBeNull();
    expect(await nftMembers(node, "pods")).toEqual([]);
    expect(await check(owner("third"), both, iptables)).toBeNull();
  },
);
