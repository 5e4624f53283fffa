/** What other programs do to the rules: CHECK names it, and the next call of any attachment repairs all of it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { damages, withPods } from "./damages.ts";
import {
  environmentOf,
  installVariants,
  listingLines,
  masqueradeOf,
  natRules,
  nftablesWay,
  type Operation,
  type Outcome,
  type Owner,
  owner,
  perform,
  tools,
  type WantedText,
  type Way,
  ways,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

const recordOf = (way: Way, who: Owner, index: number): WantedText => ({
  ...masqueradeOf(way, who, [`10.${index}.0.2/24`, `fd00:${index}::2/64`], ["192.0.2.0/24"]),
  spoofCheck: { port: `veth${index}`, mac: `02:00:00:00:00:0${index}` },
});

/** Another attachment, of another network. */
const other = owner("other", "eth0", "net3");

/** Calls of other attachments, and what has to be made before the damage for them. */
const repairs = (way: Way): { who: string; first: Operation[]; call: Operation }[] => {
  const wanted = recordOf(way, other, 3);
  const apply: Operation = { verb: "apply", wanted };
  return [
    { who: "ADD of another network's container", first: [], call: apply },
    {
      who: "DEL of another network's container",
      first: [apply],
      call: { verb: "remove", owner: other, kind: "interface" },
    },
    {
      who: "GC of another network",
      first: [apply],
      call: { verb: "collect", network: "net3", keep: [], kind: "interface" },
    },
  ];
};

const make = async (operations: readonly Operation[], way: Way) =>
  expect(await perform(node, way.variant, operations)).toEqual(operations.map(() => null));
const listing = async () => listingLines((await node.exec("nft", ["list", "ruleset"])).stdout).sort();

describe.runIf(canRun(...tools))("masquerade and spoof check (nftables)", () => {
  test.each(damages)("are repaired when %s", async (_what, change, words) => {
    const records = [1, 2].map((index) =>
      recordOf(nftablesWay, owner("c1", "eth0", index === 1 ? "net" : "net2"), index),
    );
    const checks = records.map((wanted): Operation => ({ verb: "check", wanted }));
    await make(
      records.map((wanted) => ({ verb: "apply", wanted })),
      nftablesWay,
    );
    for (const { who, first, call } of repairs(nftablesWay)) {
      await make(first, nftablesWay);
      await node.exec("sh", ["-ec", change]);
      // Each attachment sees it: the rules are of all.
      for (const outcome of await perform<Outcome>(node, "nf_tables", checks)) {
        expect(outcome, who).toMatchObject({ code: 999, message: expect.stringMatching(words) });
      }
      await make([call, ...checks], nftablesWay);
      const repaired = await listing();
      await node.exec("nft", ["flush", "ruleset"]);
      await make([{ verb: "collect", network: "none", keep: [], kind: "interface" }, ...checks], nftablesWay);
      if (call.verb !== "remove") expect(repaired, who).toEqual(await listing());
      await make([{ verb: "remove", owner: other, kind: "interface" }], nftablesWay);
    }
  });

  test.each([
    [
      "an address",
      "delete element inet podwire $set { 10.1.0.2 }",
      /the masqueraded address 10.1.0.2\/24 is missing in the set pods4-/,
    ],
    [
      "a guarded port",
      'delete element bridge podwire guarded { "veth1" }',
      /port veth1 is missing in the set guarded/,
    ],
    [
      "a MAC address",
      'delete element bridge podwire allowed { "veth1" . 02:00:00:00:00:01 }',
      /MAC address 02:00:00:00:00:01 of the port veth1 is missing in the set allowed/,
    ],
  ])("are repaired by the next ADD of the attachment when %s was removed", async (_what, change, words) => {
    const wanted = recordOf(nftablesWay, owner("c1"), 1);
    await make([{ verb: "apply", wanted }], nftablesWay);
    const before = await listing();
    await node.exec("sh", ["-ec", withPods(`nft ${change.replace(/[{}"]/g, "\\$&")}`)]);
    const [outcome] = await perform<Outcome>(node, "nf_tables", [{ verb: "check", wanted }]);
    expect(outcome).toMatchObject({ code: 999, message: expect.stringMatching(words) });
    await make(
      [
        { verb: "apply", wanted },
        { verb: "check", wanted },
      ],
      nftablesWay,
    );
    expect(await listing()).toEqual(before);
  });
});

/** What is done with iptables. */
const iptablesDamages: readonly (readonly [string, string])[] = [
  ["all rules are flushed", "$nat -F"],
  ["all rules and chains are removed", "$nat -F; $nat -X"],
  ["the jump of the built-in chain is removed", "$nat -D POSTROUTING 1"],
  ["the shared chain is emptied", "$nat -F PODWIRE-POSTROUTING"],
  ["the rule of multicast is removed", "$nat -D PODWIRE-POSTROUTING 1"],
];

describe.runIf(canRun(...tools)).each(ways.filter(({ backend }) => backend === "iptables"))(
  "masquerade ($how)",
  (way) => {
    test.each(iptablesDamages)(
      "is missed by CHECK, and back with the next ADD of any attachment, when %s",
      async (_what, change) => {
        const records = [1, 2].map((index) => masqueradeOf(way, owner(`c${index}`), [`10.${index}.0.2/24`]));
        const checks = records.map((wanted): Operation => ({ verb: "check", wanted }));
        await make(
          records.map((wanted) => ({ verb: "apply", wanted })),
          way,
        );
        const before = (await natRules(node, way.variant)).sort();
        await node.exec("sh", ["-ec", `nat="iptables -t nat"; ${change}`], {
          env: environmentOf(way.variant),
        });
        for (const outcome of await perform<Outcome>(node, way.variant, checks)) {
          expect(outcome).toMatchObject({ code: 999, message: expect.stringContaining("missing") });
        }
        const third = masqueradeOf(way, owner("c3"), ["10.3.0.2/24"]);
        await make([{ verb: "apply", wanted: third }, ...checks, { verb: "check", wanted: third }], way);
        await make([{ verb: "remove", owner: third.owner, kind: "interface" }, ...checks], way);
        expect((await natRules(node, way.variant)).sort()).toEqual(before);
      },
    );
  },
);
