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
