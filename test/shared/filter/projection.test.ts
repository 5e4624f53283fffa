/** Whatever calls came before, the kernel has what a projection of all records makes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownerComment, readOwner } from "../../../shared/cni/attachment.ts";
import { elementPlace } from "../../../shared/filter/changes.ts";
import { elementsOf } from "../../../shared/filter/projection.ts";
import { type FilterRecord, recordName } from "../../../shared/filter/record.ts";
import { parseRecord, recordText } from "../../../shared/filter/record-text.ts";
import { reservationsOf } from "../../../shared/filter/reservation.ts";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import { anOwner, aRecord, mixedRecord, networks, recordLines, recoverable } from "./arbitrary.ts";
import {
  installVariants,
  type NftObject,
  nftObjects,
  nftSets,
  type Operation,
  perform,
  recordFiles,
  tools,
  type WantedText,
} from "./world.ts";

const textOf = (record: FilterRecord): WantedText => JSON.parse(recordText(record));
const recordOf = (text: WantedText): FilterRecord => parseRecord(JSON.stringify(text)) as FilterRecord;

type Step =
  | { readonly verb: "apply"; readonly record: FilterRecord }
  | Extract<Operation, { readonly verb: "remove" | "collect" }>;

const aKind = fc.constantFrom("interface" as const, "portmap" as const, "firewall" as const);

const steps = (record: fc.Arbitrary<FilterRecord>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { arbitrary: fc.record({ verb: fc.constant("apply" as const), record }), weight: 5 },
      {
        arbitrary: fc.record({ verb: fc.constant("remove" as const), owner: anOwner, kind: aKind }),
        weight: 2,
      },
      {
        arbitrary: fc.record({
          verb: fc.constant("collect" as const),
          network: fc.constantFrom(...networks),
          keep: fc.array(anOwner, { maxLength: 6 }),
          kind: aKind,
        }),
        weight: 1,
      },
    ),
    { minLength: 3, maxLength: 14 },
  );

const isSame = (one: FilterRecord["owner"], other: FilterRecord["owner"]) =>
  ownerComment(one) === ownerComment(other);

/** The records after a step: a new one takes from others what it wants, and they go. */
function after(records: readonly FilterRecord[], step: Step): FilterRecord[] {
  if (step.verb === "remove") {
    return records.filter(({ owner, kind }) => kind !== step.kind || !isSame(owner, step.owner));
  }
  if (step.verb === "collect") {
    const isKept = ({ owner, kind }: FilterRecord) =>
      kind !== step.kind || owner.network !== step.network || step.keep.some((each) => isSame(each, owner));
    return records.filter(isKept);
  }
  const { record } = step;
  const wanted = new Set(reservationsOf(record).map(({ name }) => name));
  const isLeft = (other: FilterRecord) =>
    recordName(other.owner, other.kind) !== recordName(record.owner, record.kind) &&
    !reservationsOf(other).some(({ name }) => wanted.has(name));
  return [...records.filter(isLeft), record];
}

const operationOf = (step: Step): Operation =>
  step.verb === "apply" ? { verb: "apply", wanted: textOf(step.record) } : step;

const linesOf = (records: readonly FilterRecord[]) => records.flatMap(recordLines).sort();

/** What nft lists of our tables: elements by set, and rules by chain; without handles and counts, and in no order. */
function describeTables(objects: readonly NftObject[]) {
  const chains = new Map<string, string[]>();
  for (const { chain } of objects) {
    if (chain?.table === "podwire") chains.set(`${chain.family} ${chain.name}`, []);
  }
  for (const { rule } of objects) {
    if (rule?.table !== "podwire") continue;
    const text = JSON.stringify([rule.comment, rule.expr]).replace(/"(packets|bytes)":\d+/g, "");
    chains.get(`${rule.family} ${rule.chain}`)?.push(text);
  }
  return { sets: nftSets(objects), chains };
}

/**
 * The sets and chains of the first that the second does not have are of groups that were used before: the sets are
 * empty. In a chain of both, the first has such groups' rules too.
 */
function expectSameUse(
  first: ReturnType<typeof describeTables>,
  second: ReturnType<typeof describeTables>,
): void {
  for (const [name, elements] of first.sets) expect(elements, name).toEqual(second.sets.get(name) ?? []);
  for (const name of second.sets.keys()) expect(first.sets.has(name), name).toBe(true);
  for (const [name, rules] of second.chains) {
    const former = first.chains.get(name) ?? [];
    expect(former, name).toEqual(expect.arrayContaining(rules));
    const further = former.filter((rule) => !rules.includes(rule));
    const gone = [...first.sets.keys()].filter((set) => !second.sets.has(set));
    const isOfGone = (rule: string) =>
      gone.some((set) => rule.includes(`@${set.slice(set.indexOf(" ") + 1)}`)) || /hostports/.test(rule);
    expect(
      further.filter((rule) => !isOfGone(rule)),
      name,
    ).toEqual([]);
  }
}

const flush = (node: Node) => node.exec("nft", ["flush", "ruleset"]);
/** A call that removes nothing, and repairs. */
const repair: Operation = { verb: "collect", network: "none", keep: [], kind: "interface" };
const elementCount = (records: readonly FilterRecord[]) =>
  new Set(records.flatMap(elementsOf).map(elementPlace)).size;

const runs = sweepSize({ spread: 6, all: 200 });
const limit = sweepSize({ spread: 120_000, all: 3_600_000 });

/** Takes the steps in one process. Returns the records that there must be then. */
async function take(node: Node, list: readonly Step[]): Promise<FilterRecord[]> {
  const outcomes = await perform(node, "nf_tables", list.map(operationOf));
  expect(outcomes).toEqual(list.map(() => null));
  const records = list.reduce<FilterRecord[]>(after, []);
  const [found = []] = await perform<WantedText[]>(node, "nf_tables", [{ verb: "records" }]);
  expect(linesOf(found.map(recordOf))).toEqual(linesOf(records));
  const wanted = records.flatMap(reservationsOf).map(({ name }) => `reservations/${name}`);
  const files = (await recordFiles(node)).filter((file) => file.startsWith("reservations/"));
  expect(files).toEqual([...new Set(wanted)].sort());
  return records;
}

async function expectChecked(node: Node, records: readonly FilterRecord[]): Promise<void> {
  const checks = records.map((record): Operation => ({ verb: "check", wanted: textOf(record) }));
  expect(await perform(node, "nf_tables", checks)).toEqual(checks.map(() => null));
}

describe.runIf(canRun("nft"))("after any calls (nftables)", () => {
  test(
    "the kernel has the elements of the records, and the rules of a projection of all",
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(aRecord), async (list) => {
          await using node = await createNode();
          const records = await take(node, list);
          await expectChecked(node, records);
          const tables = describeTables(await nftObjects(node));
          expect([...tables.sets.values()].flat()).toHaveLength(elementCount(records));
          await flush(node);
          await perform(node, "nf_tables", [repair]);
          expectSameUse(tables, describeTables(await nftObjects(node)));
          await expectChecked(node, records);
        }),
        { numRuns: runs, endOnFailure: true },
      );
    },
    limit,
  );

  test(
    "the kernel says what the records were",
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(aRecord), async (list) => {
          await using node = await createNode();
          const records = await take(node, list);
          const [found = []] = await perform<WantedText[]>(node, "nf_tables", [{ verb: "recover" }]);
          // Comments cut long names.
          const expected = records.map((record) => ({
            ...recoverable(record),
            owner: readOwner(ownerComment(record.owner)) ?? record.owner,
          }));
          expect(linesOf(found.map(recordOf))).toEqual(linesOf(expected));
        }),
        { numRuns: runs, endOnFailure: true },
      );
    },
    limit,
  );
});

describe.runIf(canRun(...tools))("after any calls (both backends)", () => {
  test(
    "the records stand in the kernel, and come back from it after they were deleted",
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(mixedRecord), async (list) => {
          await using node = await createNode();
          await installVariants(node);
          const records = await take(node, list);
          await expectChecked(node, records);
          const tables = describeTables(await nftObjects(node));
          await node.exec("rm", ["-rf", "/run/podwire"]);
          await perform(node, "nf_tables", [repair]);
          const [found = []] = await perform<WantedText[]>(node, "nf_tables", [{ verb: "records" }]);
          const expected = records.map((record) => ({
            ...recoverable(record),
            owner: readOwner(ownerComment(record.owner)) ?? record.owner,
          }));
          expect(linesOf(found.map(recordOf))).toEqual(linesOf(expected));
          expect([...describeTables(await nftObjects(node)).sets.values()].flat().sort()).toEqual(
            [...tables.sets.values()].flat().sort(),
          );
          await expectChecked(node, found.map(recordOf));
          const removals = records.map(({ owner, kind }): Operation => ({ verb: "remove", owner, kind }));
          expect(await perform(node, "nf_tables", removals)).toEqual(removals.map(() => null));
          expect([...describeTables(await nftObjects(node)).sets.values()].flat()).toEqual([]);
          expect(await recordFiles(node)).toEqual([]);
        }),
        { numRuns: runs, endOnFailure: true },
      );
    },
    limit,
  );
});
