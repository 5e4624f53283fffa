import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  apply,
  check,
  clear,
  collect,
  installVariants,
  masqueraded,
  masqueradeOf,
  type Owner,
  owner,
  recordFiles,
  recordsOf,
  remove,
  tools,
  ways,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

describe.runIf(canRun(...tools)).each(ways)("masquerade of several owners ($how)", (way) => {
  const { variant } = way;
  const ensure = (who: Owner, ...addresses: string[]) =>
    apply(node, masqueradeOf(way, who, addresses), variant);

  test("goes with its owner only, at once and again", async () => {
    // Another interface of the container, the same container on another network, and names that begin alike.
    const others: [Owner, string][] = [
      [owner("c1", "eth1"), "10.1.0.3"],
      [owner("c1", "eth0", "other"), "10.2.0.2"],
      [owner("c1", "eth00"), "10.1.0.4"],
      [owner("c11"), "10.1.0.5"],
      [owner("c1", "eth0", "net2"), "10.3.0.2"],
    ];
    for (const [who, address] of others) expect(await ensure(who, `${address}/24`)).toBeNull();
    const kept = await masqueraded(node, variant);
    const files = await recordFiles(node);
    expect(kept).toHaveLength(others.length);
    expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(
      [...kept, "10.1.0.2 net c1 eth0", "fd00::2 net c1 eth0"].sort(),
    );
    for (let time = 1; time <= 2; time++) {
      expect(await remove(node, owner("c1"), variant)).toBeNull();
      expect(await masqueraded(node, variant)).toEqual(kept);
      expect(await recordFiles(node)).toEqual(files);
    }
  });

  test("is the same after a repeated ADD, and follows changed addresses", async () => {
    expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    const once = await masqueraded(node, variant);
    expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(once);
    expect(await ensure(owner("c1"), "10.1.0.3/24")).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(["10.1.0.3 net c1 eth0"]);
    expect(await remove(node, owner("c1"), variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual([]);
    expect(await recordFiles(node)).toEqual([]);
  });

  test("is removed though nothing was ever there, without making anything", async () => {
    const before = await node.snapshot();
    expect(await remove(node, owner("c1"), variant)).toBeNull();
    expect(await collect(node, "net", [], variant)).toBeNull();
    expect(await clear(node, masqueradeOf(way, owner("c1"), ["10.1.0.2/24"]), variant)).toBeNull();
    expect(await node.snapshot()).toEqual(before);
  });

  test("is collected with what is not to be kept, on that network only", async () => {
    expect(await ensure(owner("keep"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await ensure(owner("stale"), "10.1.0.3/24", "fd00::3/64")).toBeNull();
    expect(await ensure(owner("keep", "eth1"), "10.1.0.4/24")).toBeNull();
    expect(await ensure(owner("stale", "eth0", "other"), "10.2.0.3/24")).toBeNull();
    expect(await ensure(owner("stale", "eth0", "net2"), "10.3.0.3/24")).toBeNull();
    expect(await collect(node, "net", [owner("keep"), owner("gone")], variant)).toBeNull();
    const others = ["10.2.0.3 other stale eth0", "10.3.0.3 net2 stale eth0"];
    expect(await masqueraded(node, variant)).toEqual(
      [...others, "10.1.0.2 net keep eth0", "fd00::2 net keep eth0"].sort(),
    );
    expect(await collect(node, "net", [], variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(others.sort());
  });

  test("has names of any length, each of its own owner", async () => {
    const long = (containerId: string) => owner(containerId, "ééééééé", "n".repeat(200));
    const [one, other] = [long(`${"c".repeat(200)}1`), long(`${"c".repeat(200)}2`)];
    expect(await ensure(one, "10.1.0.2/24")).toBeNull();
    expect(await ensure(other, "10.1.0.3/24")).toBeNull();
    expect(await check(node, masqueradeOf(way, one, ["10.1.0.2/24"]), variant)).toBeNull();
    expect(await remove(node, one, variant)).toBeNull();
    const left = await masqueraded(node, variant);
    expect(left).toEqual([expect.stringMatching(/^10\.1\.0\.3 n+~/)]);
    expect(await collect(node, other.network, [other], variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(left);
    expect(await collect(node, other.network, [], variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual([]);
  });
});

describe.runIf(canRun(...tools)).each(ways)("an address that was left behind ($how)", (way) => {
  const { variant } = way;
  const ensure = (who: Owner, ...addresses: string[]) =>
    apply(node, masqueradeOf(way, who, addresses), variant);

  test("belongs to its new owner, and a late removal by the old one does not take it away", async () => {
    expect(await ensure(owner("dead"), "10.1.0.2/24")).toBeNull();
    expect(await ensure(owner("alive"), "10.1.0.2/24")).toBeNull();
    const alive = ["10.1.0.2 net alive eth0"];
    expect(await masqueraded(node, variant)).toEqual(alive);
    expect((await recordsOf(node)).map(({ owner: { containerId } }) => containerId)).toEqual(["alive"]);
    expect(await remove(node, owner("dead"), variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(alive);
    expect(await check(node, masqueradeOf(way, owner("alive"), ["10.1.0.2/24"]), variant)).toBeNull();
    expect(await check(node, masqueradeOf(way, owner("dead"), ["10.1.0.2/24"]), variant)).toMatchObject({
      code: 999,
      message: expect.stringMatching(
        way.backend === "nftables"
          ? /^eth0 of container dead: the masqueraded address 10\.1\.0\.2\/24 leads elsewhere, or is another container's, in the set /
          : /PODWIRE-[0-9a-f]{20} is missing \(IPv4\)$/,
      ),
    });
  });

  test("is not taken from a container of another network that has the same one", async () => {
    expect(await ensure(owner("c1"), "10.1.0.2/24")).toBeNull();
    expect(await ensure(owner("c2", "eth0", "two"), "10.1.0.2/24")).toBeNull();
    const both = ["10.1.0.2 net c1 eth0", "10.1.0.2 two c2 eth0"];
    expect(await masqueraded(node, variant)).toEqual(both);
    expect(await remove(node, owner("c2", "eth0", "two"), variant)).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(both.slice(0, 1));
    expect(await check(node, masqueradeOf(way, owner("c1"), ["10.1.0.2/24"]), variant)).toBeNull();
  });

  test("is given up when a new owner does without masquerade", async () => {
    expect(await ensure(owner("dead"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await ensure(owner("other"), "10.1.0.3/24")).toBeNull();
    const without = masqueradeOf(way, owner("new"), ["10.1.0.2/24", "fd00::2/64", "10.1.0.9/24"]);
    for (let time = 1; time <= 2; time++) {
      expect(await clear(node, without, variant)).toBeNull();
      expect(await masqueraded(node, variant)).toEqual(["10.1.0.3 net other eth0"]);
      expect((await recordsOf(node)).map(({ owner: { containerId } }) => containerId)).toEqual(["other"]);
    }
  });

  test("is given up by its own owner, whose next ADD does without masquerade", async () => {
    expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(
      await clear(node, masqueradeOf(way, owner("c1"), ["10.1.0.2/24", "fd00::2/64"]), variant),
    ).toBeNull();
    expect(await masqueraded(node, variant)).toEqual([]);
    expect(await recordFiles(node)).toEqual([]);
  });
});

/** Each way as the first, and each other one as the second configuration. */
const changes = ways.flatMap((first) =>
  ways
    .filter((second) => second !== first)
    .map((second) => ({ first, second, how: `${first.how}, then ${second.how}` })),
);

describe.runIf(canRun(...tools)).each(changes)("a configuration that changes ($how)", ({ first, second }) => {
  const everywhere = async () =>
    [...new Set([...(await masqueraded(node, "nf_tables")), ...(await masqueraded(node, "legacy"))])].sort();

  test("between ADD and DEL leaves nothing", async () => {
    expect(
      await apply(node, masqueradeOf(first, owner("c1"), ["10.1.0.2/24", "fd00::2/64"]), first.variant),
    ).toBeNull();
    expect(await everywhere()).toHaveLength(2);
    expect(await remove(node, owner("c1"), second.variant)).toBeNull();
    expect(await everywhere()).toEqual([]);
    expect(await recordFiles(node)).toEqual([]);
  });

  test("between two ADDs of a container leaves it masqueraded once", async () => {
    const [before, after] = [first, second].map((way) => masqueradeOf(way, owner("c1"), ["10.1.0.2/24"]));
    if (before === undefined || after === undefined) throw new Error("two ways");
    expect(await apply(node, before, first.variant)).toBeNull();
    expect(await apply(node, after, second.variant)).toBeNull();
    expect(await check(node, after, second.variant)).toBeNull();
    const all = [...(await masqueraded(node, "nf_tables")), ...(await masqueraded(node, "legacy"))];
    // nft's elements are listed in both.
    expect(new Set(all)).toEqual(new Set(["10.1.0.2 net c1 eth0"]));
    expect(all).toHaveLength(second.backend === "nftables" ? 2 : 1);
    expect(await remove(node, owner("c1"), second.variant)).toBeNull();
    expect(await everywhere()).toEqual([]);
  });

  test("takes an address from its earlier owner wherever that one had it", async () => {
    expect(await apply(node, masqueradeOf(first, owner("dead"), ["10.1.0.2/24"]), first.variant)).toBeNull();
    const wanted = masqueradeOf(second, owner("alive"), ["10.1.0.2/24"]);
    expect(await apply(node, wanted, second.variant)).toBeNull();
    expect(await everywhere()).toEqual(["10.1.0.2 net alive eth0"]);
    expect(await check(node, wanted, second.variant)).toBeNull();
  });
});
