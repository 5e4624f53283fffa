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

	chain vxlan {
		type filter hook prerouting priority raw; policy accept;
		udp dport 4789 fib daddr type != local notrack comment "VXLAN to port 4789 of others is not translated"
		udp dport 8472 fib daddr type != local notrack comment "VXLAN to port 8472 of others is not translated"
		udp dport != 53 @th,64,32 0x8000000 @th,120,8 0x0 fib daddr type != local notrack comment "VXLAN to any port of others is not translated"
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
    // Any call that changes something makes all rules again.
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
