import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, runModule } from "../../helpers/index.ts";
import {
  call,
  environmentOf,
  installVariants,
  masqueraded,
  nftablesWay,
  type Owner,
  owner,
  requestOf,
  setsWay,
  ways,
} from "./world.ts";

const tools = ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "ipset", "nft"];

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

describe.runIf(canRun(...tools)).each(ways)("masquerade of several owners ($how)", (way) => {
  const { variant } = way;
  const environment = environmentOf(variant);
  const ensure = (who: Owner, ...addresses: string[]) =>
    call(node, "masquerade", "ensureMasquerade", requestOf(way, who, addresses));
  const remove = (who: Owner) =>
    call(node, "masquerade", "removeMasquerade", { owner: who, hasSiblings: false, environment });

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
    const kept = (await masqueraded(node, variant)).sort();
    expect(kept).toHaveLength(others.length);
    expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await masqueraded(node, variant)).toEqual(
      expect.arrayContaining(["10.1.0.2 net c1 eth0", "fd00::2 net c1 eth0", ...kept]),
    );
    for (let time = 1; time <= 2; time++) {
      expect(await remove(owner("c1"))).toBeNull();
      expect((await masqueraded(node, variant)).sort()).toEqual(kept);
    }
  });

  test("is removed though nothing was ever there, without making anything", async () => {
    const before = await node.snapshot();
    expect(await remove(owner("c1"))).toBeNull();
    expect(await node.snapshot()).toEqual(before);
  });

  test("is collected with what is not to be kept, on that network only", async () => {
    expect(await ensure(owner("keep"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
    expect(await ensure(owner("stale"), "10.1.0.3/24", "fd00::3/64")).toBeNull();
    expect(await ensure(owner("keep", "eth1"), "10.1.0.4/24")).toBeNull();
    expect(await ensure(owner("stale", "eth0", "other"), "10.2.0.3/24")).toBeNull();
    expect(await ensure(owner("stale", "eth0", "net2"), "10.3.0.3/24")).toBeNull();
    const collect = (...keep: Owner[]) =>
      call(node, "masquerade", "collectMasquerade", { network: "net", keep, environment });
    expect(await collect(owner("keep"), owner("gone"))).toBeNull();
    const others = ["10.2.0.3 other stale eth0", "10.3.0.3 net2 stale eth0"];
    expect((await masqueraded(node, variant)).sort()).toEqual(
      [...others, "10.1.0.2 net keep eth0", "fd00::2 net keep eth0"].sort(),
    );
    expect(await collect()).toBeNull();
    expect((await masqueraded(node, variant)).sort()).toEqual(others.sort());
  });
});

describe.runIf(canRun(...tools)).each([setsWay, nftablesWay])(
  "an address that was left behind ($how)",
  (way) => {
    const environment = environmentOf("nf_tables");
    const ensure = (who: Owner, ...addresses: string[]) =>
      call(node, "masquerade", "ensureMasquerade", requestOf(way, who, addresses));

    test("belongs to its new owner, and a late removal by the old one does not take it away", async () => {
      expect(await ensure(owner("dead"), "10.1.0.2/24")).toBeNull();
      expect(await ensure(owner("alive"), "10.1.0.2/24")).toBeNull();
      const alive = ["10.1.0.2 net alive eth0"];
      expect(await masqueraded(node, "nf_tables")).toEqual(alive);
      const request = { owner: owner("dead"), hasSiblings: false, environment };
      expect(await call(node, "masquerade", "removeMasquerade", request)).toBeNull();
      expect(await masqueraded(node, "nf_tables")).toEqual(alive);
      const checked = requestOf(way, owner("dead"), ["10.1.0.2/24"]);
      expect(await call(node, "masquerade", "checkMasquerade", checked)).toMatchObject({
        message: expect.stringMatching(
          /^eth0 of container dead is not masqueraded: 10\.1\.0\.2 is not in the (IP set of this owner|set pods4-10\.1\.0\.0\/24 .*)$/,
        ),
      });
    });

    test("is removed by address where the caller is sure of it, and nothing else is", async () => {
      expect(await ensure(owner("c1"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
      expect(await ensure(owner("c2"), "10.1.0.3/24")).toBeNull();
      const ips = ["10.1.0.2", "fd00::2", "10.1.0.7"];
      const source = `import { parseIp } from "./shared/ip/address.ts";
      import { removeMasquerade } from "./shared/netfilter/masquerade.ts";
      const addresses = ${JSON.stringify(ips)}.map(parseIp);
      removeMasquerade({ owner: ${JSON.stringify(owner("c1"))}, addresses, hasSiblings: false, environment: {} });
      console.log("null");`;
      await runModule(node, source);
      expect(await masqueraded(node, "nf_tables")).toEqual(["10.1.0.3 net c2 eth0"]);
    });

    test("is forgotten when a new owner does without masquerade", async () => {
      expect(await ensure(owner("dead"), "10.1.0.2/24", "fd00::2/64")).toBeNull();
      expect(await ensure(owner("other"), "10.1.0.3/24")).toBeNull();
      const forget = () =>
        call(node, "masquerade", "forgetAddresses", { ips: ["10.1.0.2", "fd00::2", "10.1.0.9"] });
      expect(await forget()).toBeNull();
      expect(await masqueraded(node, "nf_tables")).toEqual(["10.1.0.3 net other eth0"]);
      expect(await forget()).toBeNull();
    });

    test("is forgotten on a node that has no sets, without making any", async () => {
      const before = await node.snapshot();
      expect(await call(node, "masquerade", "forgetAddresses", { ips: ["10.1.0.2", "fd00::2"] })).toBeNull();
      expect(await node.snapshot()).toEqual(before);
    });
  },
);
