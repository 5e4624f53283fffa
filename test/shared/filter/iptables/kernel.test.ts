import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FilterRecord, recordName } from "../../../../shared/filter/record.ts";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { aRecord, masqueradeOf, portsOf, tcp } from "./records.ts";
import {
  installVariants,
  type Operation,
  other,
  rulesOf,
  run,
  runIptables,
  startedBy,
  tools,
  type Variant,
  variants,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

const keyOf = ({ owner, kind }: FilterRecord) => recordName(owner, kind);

interface Step {
  readonly record: FilterRecord;
  readonly isRemoval: boolean;
}

/** The changes that a list of steps makes, and what is on the disk at the end. */
function operationsOf(steps: readonly Step[]): { operations: Operation[]; all: FilterRecord[] } {
  const disk = new Map<string, FilterRecord>();
  const operations = steps.map(({ record, isRemoval }): Operation => {
    const former = disk.get(keyOf(record));
    const removed = former === undefined ? [] : [former];
    if (isRemoval) disk.delete(keyOf(record));
    else disk.set(keyOf(record), record);
    return { do: "change", removed, added: isRemoval ? [] : [record], all: [...disk.values()] };
  });
  return { operations, all: [...disk.values()] };
}

const both = async (variant: Variant, where = node): Promise<string[]> =>
  [await rulesOf(where, variant, 4), await rulesOf(where, variant, 6)].flat();

/** The jumps of HOSTPORTS: those to a mapping of one host address come before those of all addresses. */
const hasOrder = (rules: readonly string[]): boolean => {
  const portOf = (rule: string) => /-p \w+ -m \w+ --dport \d+ /.exec(rule)?.[0];
  const specific = rules.filter((rule) => rule.includes(" -d ") && rule.includes(" -j DNAT "));
  const places = new Set(specific.map((rule) => `${rule.split(" ")[1]} ${portOf(rule)}`));
  const jumps = rules.filter((rule) => /^-A PODWIRE-HOSTPORTS .* -j /.test(rule));
  const isLater = jumps.map((rule) => !places.has(`${rule.split(" ").at(-1)} ${portOf(rule)}`));
  return isLater.join() === [...isLater].sort().join();
};

const all4and6 = portsOf(
  "kept",
  ["10.1.9.9/24", "fd00:1::99/64"],
  [tcp(7000, 1), tcp(7000, 1, { family: 6 })],
);
const keeper = masqueradeOf("kept", ["10.1.9.9/24", "fd00:1::99/64"]);
const base = [keeper, all4and6];

describe.runIf(canRun(...tools)).each(variants)("the rules (%s)", (variant) => {
  const change = (added: readonly FilterRecord[], all = added, removed: readonly FilterRecord[] = []) =>
    run(node, variant, { do: "change", added, removed, all });
  const check = async (record: FilterRecord) => (await run(node, variant, { do: "check", record }))[0];

  test("are those of the records after any sequence of changes, are whole by CHECK, and say what the records were", async () => {
    const steps = fc.array(fc.record({ record: aRecord, isRemoval: fc.nat(3).map((n) => n === 0) }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        await using one = await createNode();
        await using two = await createNode();
        for (const each of [one, two]) await installVariants(each);
        const { operations, all } = operationsOf(list);
        // Both families of shared chains are used by a record that stays.
        const start: Operation = { do: "change", added: base, all: base };
        const kept = operations.map((each) => ({ ...each, all: [...(each.all ?? []), ...base] }));
        const expected = kept.map(() => null);
        expect(await run(one, variant, start, ...kept)).toEqual([null, ...expected]);
        const records = [...all, ...base];
        expect(await run(two, variant, { do: "change", added: records, all: records })).toEqual([null]);
        const rules = await both(variant, one);
        expect(rules.toSorted()).toEqual((await both(variant, two)).toSorted());
        expect(hasOrder(await rulesOf(one, variant, 4))).toBe(true);
        expect(hasOrder(await rulesOf(one, variant, 6))).toBe(true);
        const questions = records.map((record): Operation => ({ do: "check", record }));
        expect(await run(one, variant, ...questions)).toEqual(records.map(() => null));
        // What the rules say makes the same rules.
        const [recovered] = (await run(one, variant, { do: "recover" })) as [FilterRecord[]];
        await using three = await createNode();
        await installVariants(three);
        expect(await run(three, variant, { do: "change", added: recovered, all: recovered })).toEqual([null]);
        expect((await both(variant, three)).toSorted()).toEqual(rules.toSorted());
      }),
      { numRuns: 3 },
    );
  });

  const m = masqueradeOf("a", ["10.1.0.2/24", "fd00:1::2/64"], ["192.168.0.0/16"]);
  const p = portsOf("a", ["10.1.0.2/24"], [tcp(80, 8080), tcp(81, 8081)]);
  const others = [
    masqueradeOf("b", ["10.1.0.3/24"]),
    portsOf("b", ["10.1.0.3/24"], [tcp(82, 80)], { markBit: 5 }),
  ];
  const everyone = [m, p, ...others];
  const chain = "$(iptables-save -t nat | sed -n 's/^:\\(PODWIRE-[0-9a-f]\\{20\\}\\) .*/\\1/p' | head -1)";
  const dn = "$(iptables-save -t nat | grep -e '--dport 80 .*-j PODWIRE' | sed 's/.*-j //')";

  type Damage = readonly [what: string, command: string, words: RegExp];
  const damages: readonly Damage[] = [
    ["all rules are gone", "-F", /"podwire: masquerade" of the chain POSTROUTING/],
    ["all rules and chains are gone", "-F; $nat -X", /missing \(IPv4\)/],
    ["the jump of POSTROUTING is gone", "-D POSTROUTING 3", /"podwire: masquerade" of the chain POSTROUTING/],
    [
      "the masquerade of marked packets has no jump",
      "-D POSTROUTING 1",
      /that need masquerade" of the chain POSTROUTING/,
    ],
    [
      "the jump for traffic from outside is gone",
      "-F PREROUTING",
      /"podwire: host ports" of the chain PREROUTING/,
    ],
    ["the jump for traffic of the node is gone", "-F OUTPUT", /"podwire: host ports" of the chain OUTPUT/],
    ["marked packets are not masqueraded", "-F PODWIRE-MARKED", /mark bit 13 .* of the chain PODWIRE-MARKED/],
    [
      "the shared chain for masquerade is empty",
      "-F PODWIRE-POSTROUTING",
      /of the chain PODWIRE-POSTROUTING is missing/,
    ],
    [
      "the rule for multicast is gone",
      "-D PODWIRE-POSTROUTING 1",
      /multicast .* of the chain PODWIRE-POSTROUTING/,
    ],
    [
      "the shared chain for ports is empty",
      "-F PODWIRE-HOSTPORTS",
      /of the chain PODWIRE-HOSTPORTS is missing/,
    ],
    [
      "127.0.0.0/8 is open to neighbours",
      "-L >/dev/null; iptables -t raw -F",
      /127\.0\.0\.0\/8 .* of the chain PREROUTING/,
    ],
  ];

  const ownDamages: readonly Damage[] = [
    [
      "a jump for a port is gone",
      "-D PODWIRE-HOSTPORTS 2",
      /PODWIRE-HOSTPORTS is missing or changed: -p tcp .*--dport 80 /,
    ],
    [
      "the container's chain is empty",
      `-F ${chain}`,
      /a rule of the chain PODWIRE-[0-9a-f]{20} is missing or changed/,
    ],
    [
      "a rule of the container's chain is gone",
      `-D ${chain} 2`,
      /PODWIRE-[0-9a-f]{20} is missing or changed: -s 10\.1\.0\.\d\/32/,
    ],
    [
      "a rule leads to another port",
      `-R ${dn} 3 -p tcp --dport 80 -m comment --comment "podwire network=net container=a interface=eth0" -j DNAT --to-destination 10.1.0.2:99`,
      /PODWIRE-DN-\w+ is missing or changed: .*--dport 80 .*:8080/,
    ],
    [
      "the chain for ports has a rule too many",
      `-A ${dn} -p tcp --dport 22 -j DNAT --to-destination 10.1.0.2:22`,
      /the chain PODWIRE-DN-\w+ has a rule that podwire did not make/,
    ],
  ];

  /** Damages the rules of everyone, has calls repair them, and expects them to be as they were. */
  const repairedAfter = async (command: string, words: RegExp, advice: RegExp, ...calls: Operation[]) => {
    await runIptables(node, variant, "-A POSTROUTING -s 192.0.2.0/24 -j ACCEPT");
    expect(await change(everyone)).toEqual([null]);
    const before = await both(variant);
    const raw = await rulesOf(node, variant, 4, "raw");
    const questions = everyone.map((record): Operation => ({ do: "check", record }));
    expect(await run(node, variant, ...questions)).toEqual(everyone.map(() => null));
    await runIptables(node, variant, command);
    const [found] = (await run(node, variant, ...questions)).filter((each) => each !== null);
    const error = {
      code: 999,
      message: expect.stringMatching(words),
      details: expect.stringMatching(advice),
    };
    expect(found).toMatchObject(error);
    expect(await run(node, variant, ...calls, ...questions)).toEqual(
      [...calls, ...questions].map(() => null),
    );
    const isOurs = (rule: string) => !rule.includes("192.0.2.0/24");
    expect((await both(variant)).filter(isOurs).toSorted()).toEqual(before.filter(isOurs).toSorted());
    expect(await rulesOf(node, variant, 4, "raw")).toEqual(raw);
  };

  const late = [masqueradeOf("late", ["10.1.0.4/24"]), portsOf("late", ["10.1.0.4/24"], [tcp(90, 80)])];

  test.each(damages)(
    "are named by CHECK and repaired by the next call of any attachment when %s",
    async (_, command, words) => {
      await repairedAfter(
        command,
        words,
        /the next ADD on this node/,
        { do: "change", added: late, all: [...everyone, ...late] },
        { do: "change", removed: late, all: everyone },
      );
    },
  );

  test.each(damages.slice(0, 3))("are repaired by a change of nothing when %s", async (_, command, words) => {
    await repairedAfter(command, words, /the next ADD on this node/, { do: "change", all: everyone });
  });

  test.each(ownDamages)(
    "are named by CHECK and repaired by the next ADD when %s",
    async (_, command, words) => {
      const again: Operation = { do: "change", removed: [m, p], added: [m, p], all: everyone };
      await repairedAfter(command, words, /recreate the container/, again);
    },
  );

  // Not the rule that leads elsewhere: chains are compared by the number of their rules.
  test.each(ownDamages.filter(([what]) => !what.startsWith("a rule leads")))(
    "are repaired by the next call of another attachment, of masquerade alone, when %s",
    async (_, command, words) => {
      const [only] = late;
      await repairedAfter(
        command,
        words,
        /recreate the container/,
        { do: "change", added: [only as FilterRecord], all: [...everyone, only as FilterRecord] },
        { do: "change", removed: [only as FilterRecord], all: everyone },
      );
    },
  );

  test("of an attachment go although something of them is gone, and leave nothing", async () => {
    expect(await change(others)).toEqual([null]);
    const before = await both(variant);
    for (const command of ["-F PODWIRE-HOSTPORTS", "-F", "-F; $nat -X", "-F PODWIRE-POSTROUTING"]) {
      expect(await change([m, p], everyone, [])).toEqual([null]);
      await runIptables(node, variant, command);
      expect(await change([], others, [m, p])).toEqual([null]);
      const after = (await both(variant)).filter(
        (rule) => !/multicast|podwire: |^:PODWIRE-[A-Z]{4}/.test(rule),
      );
      expect(after.some((rule) => rule.includes("container=a "))).toBe(false);
      for (const rule of before) expect(await both(variant), command).toContain(rule);
    }
  });

  test("of the last attachment go, or are gone already, without an error and without garbage", async () => {
    expect(await change([], [], everyone)).toEqual([null]);
    expect(await both(variant)).toEqual([]);
    expect(await change(everyone)).toEqual([null]);
    await runIptables(node, variant, "-F; $nat -X");
    expect(await change([], [], everyone)).toEqual([null]);
    expect((await rulesOf(node, variant)).filter((rule) => rule.includes("PODWIRE"))).toEqual([]);
    expect(await change(everyone)).toEqual([null]);
    expect(await change([], [], everyone)).toEqual([null]);
    const left = await both(variant);
    expect(left.filter((rule) => /container=|PODWIRE-(DN-)?[0-9a-f]{17}/.test(rule))).toEqual([]);
    expect(left.filter((rule) => rule.includes("mark bit 5"))).toEqual([]);
  });

  test("for a mark bit go with the last attachment of the family that has it", async () => {
    const five = { markBit: 5 };
    const four = ["b", "c"].map((name, index) => portsOf(name, ["10.1.0.3/24"], [tcp(82 + index, 80)], five));
    const six = portsOf("d", ["fd00:1::4/64"], [tcp(82, 80, { family: 6 })], five);
    expect(await change([...four, six])).toEqual([null]);
    const marks = async () =>
      (await both(variant)).filter((rule) => rule.includes('"podwire: mark bit 5 ')).length;
    for (const [index, count] of [2, 1].entries()) {
      expect(await change([], [...four.slice(index + 1), six], [four[index] ?? six])).toEqual([null]);
      expect(await marks()).toBe(count);
    }
    expect(await change([], [], [six])).toEqual([null]);
    expect(await marks()).toBe(0);
  });

  test("are made once although a killed call has made them, and a jump that is there twice is mended", async () => {
    expect(await change(everyone)).toEqual([null]);
    const before = await both(variant);
    // The record was written, the rules are not there yet; or they are there, and the call is repeated.
    expect(await change([m], everyone, [m])).toEqual([null]);
    expect((await both(variant)).toSorted()).toEqual(before.toSorted());
    expect(await change([m], everyone)).toEqual([null]);
    expect(await change([], everyone, [m])).toEqual([null]);
    expect((await both(variant)).toSorted()).toEqual(before.toSorted());
    await runIptables(
      node,
      variant,
      '-A POSTROUTING -m comment --comment "podwire: masquerade" -j PODWIRE-POSTROUTING',
    );
    await runIptables(node, variant, "-D PODWIRE-POSTROUTING 1");
    expect(await change([m], everyone, [m])).toEqual([null]);
    expect((await both(variant)).toSorted()).toEqual(before.toSorted());
  });

  test("go from the other variant too, where an attachment was made with it", async () => {
    expect(await change(everyone)).toEqual([null]);
    const changed = other(variant);
    // The other variant's tool is the plain one now: CHECK finds the rules where they are.
    expect(await run(node, changed, { do: "check", record: m }, { do: "check", record: p })).toEqual([
      null,
      null,
    ]);
    expect(await run(node, changed, { do: "change", removed: [m, p], all: others })).toEqual([null]);
    for (const each of variants) {
      expect((await both(each)).filter((rule) => rule.includes("container=a "))).toEqual([]);
      expect((await both(each)).some((rule) => rule.includes("container=b "))).toBe(true);
    }
    expect(await run(node, changed, { do: "change", removed: others, added: others, all: others })).toEqual([
      null,
    ]);
    expect((await both(variant)).some((rule) => rule.includes("container="))).toBe(false);
    expect(await run(node, changed, { do: "change", removed: others })).toEqual([null]);
    expect((await both(changed)).some((rule) => rule.includes("container="))).toBe(false);
  });

  test("stay as they were, when conditions make no rule", async () => {
    expect(await change(others)).toEqual([null]);
    const before = await both(variant);
    const bad = portsOf("a", ["10.1.0.2/24"], [tcp(80, 80)], {
      conditions: { 4: ["--nonsense", "x y"], 6: [] },
    });
    const refusal = {
      code: 7,
      message: expect.stringMatching(
        /^"conditionsV4" makes no rule: "--nonsense x y"; \S+ refused the rules of host ports/,
      ),
    };
    expect(await run(node, variant, { do: "prepare", record: bad })).toEqual([
      expect.objectContaining(refusal),
    ]);
    expect(await both(variant)).toEqual(before);
    expect(await change([bad], [...others, bad])).toEqual([expect.objectContaining(refusal)]);
    expect(await both(variant)).toEqual(before);
    const good = portsOf("a", ["10.1.0.2/24"], [tcp(80, 80)], {
      conditions: { 4: ["!", "-i", "lo"], 6: [] },
    });
    expect(await run(node, variant, { do: "prepare", record: good })).toEqual([null]);
    expect(await both(variant)).toEqual(before);
    expect(await change([good], [...others, good])).toEqual([null]);
    expect(await check(good)).toBeNull();
  });

  test("cannot be prepared without the chain that sets the mark, and jump to it where there is one", async () => {
    const record = portsOf("a", ["10.1.0.2/24"], [tcp(80, 80)], { externalSetMarkChain: "KUBE-MARK-MASQ" });
    expect(await run(node, variant, { do: "prepare", record })).toEqual([
      expect.objectContaining({
        code: 7,
        message: expect.stringContaining("KUBE-MARK-MASQ, and the nat table lacks it"),
      }),
    ]);
    await runIptables(node, variant, "-N KUBE-MARK-MASQ");
    expect(
      await run(node, variant, { do: "prepare", record }, { do: "change", added: [record], all: [record] }),
    ).toEqual([null, null]);
    const rules = await rulesOf(node, variant);
    expect(rules.filter((rule) => rule.endsWith("-j KUBE-MARK-MASQ"))).toHaveLength(2);
    expect(rules.filter((rule) => rule.includes("PODWIRE-MARKED"))).toEqual([]);
    expect(await run(node, variant, { do: "check", record })).toEqual([null]);
    const [recovered] = await run(node, variant, { do: "recover" });
    expect(recovered).toEqual([record]);
  });

  test("cost one process a family and call (legacy: two), and none to learn that there is nothing", async () => {
    const names = (verb: string) => [`iptables-${verb}`, `ip6tables-${verb}`];
    // Legacy rules have no number that changes with them: a call reads them, and finds damage in any container's chain.
    const looked = variant === "legacy" ? names("legacy-save") : [];
    const changed = [...looked, ...names("restore")];
    expect(await startedBy(node, variant, { do: "recover" })).toEqual([]);
    expect(await change(base)).toEqual([null]);
    const dual = masqueradeOf("a", ["10.1.0.2/24", "fd00:1::2/64"]);
    const all = [dual, ...base];
    expect(await startedBy(node, variant, { do: "prepare", record: dual })).toEqual([]);
    expect(await startedBy(node, variant, { do: "change", added: [dual], all })).toEqual(changed);
    // CHECK calls the tool of the variant that has the rules.
    const [four, six] = await startedBy(node, variant, { do: "check", record: dual });
    expect([four, six].map((name) => name?.replace(/-(nft|legacy)/, ""))).toEqual(names("restore"));
    expect(await startedBy(node, variant, { do: "change", removed: [dual], added: [dual], all })).toEqual(
      changed,
    );
    expect(await startedBy(node, variant, { do: "change", removed: [dual], all: base })).toEqual(changed);
    // A record of the other backend is ignored.
    const foreign: FilterRecord = { ...dual, backend: "nftables" };
    const calls: Operation[] = [
      { do: "change", added: [foreign], removed: [foreign] },
      { do: "check", record: foreign },
    ];
    expect(await startedBy(node, variant, ...calls)).toEqual(looked);
  });
});

describe.runIf(canRun(...tools))("a node without iptables", () => {
  const m = masqueradeOf("a", ["10.1.0.2/24"]);

  test("is told what to install, and DEL still removes what nf_tables has", async () => {
    expect(await run(node, "nf_tables", { do: "change", added: [m], all: [m] })).toEqual([null]);
    const program = (await node.exec("readlink", ["-f", "/usr/sbin/iptables-restore"])).stdout.trim();
    await node.exec("mount", ["--bind", "/dev/null", program]);
    const missing = {
      code: 50,
      message: expect.stringMatching(/^iptables-restore is not installed .* for masquerade/),
    };
    expect(await run(node, "nf_tables", { do: "prepare", record: m }, { do: "check", record: m })).toEqual([
      expect.objectContaining(missing),
      expect.objectContaining(missing),
    ]);
    expect(await run(node, "nf_tables", { do: "change", removed: [m] })).toEqual([null]);
    await node.exec("umount", [program]);
    expect((await both("nf_tables")).filter((rule) => rule.includes("container="))).toEqual([]);
  });

  test("is told how many ports are too many", async () => {
    const mappings = Array.from({ length: 10_001 }, (_, index) => tcp(index + 1, 80));
    const record = portsOf("a", ["10.1.0.2/24"], mappings);
    expect(await run(node, "nf_tables", { do: "prepare", record })).toEqual([
      expect.objectContaining({
        code: 7,
        message: expect.stringContaining("10001 host ports are asked for (IPv4)"),
      }),
    ]);
  });
});
