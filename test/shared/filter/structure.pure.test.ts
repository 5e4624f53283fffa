import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addElements, beyond, elementPlace, makeStructure } from "../../../shared/filter/changes.ts";
import { elementsOf, features, furtherGroups, structureOf } from "../../../shared/filter/projection.ts";
import type { FilterRecord } from "../../../shared/filter/record.ts";
import { reservationsOf } from "../../../shared/filter/reservation.ts";
import { type Group, groupName, type Structure, sentinelOf } from "../../../shared/filter/structure.ts";
import { type Cidr, formatCidr, networkOf } from "../../../shared/ip/cidr.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import { joinFields } from "../../../shared/nftables/element.ts";
import { anyRecord, aRecord } from "./arbitrary.ts";

/** As nft's scanner takes them (src/scanner.l: string). */
const nftName = /^[a-zA-Z][a-zA-Z0-9/\\_.-]*$/;

const someRecords = fc.array(anyRecord, { maxLength: 6 });
const groupsOf = (records: readonly FilterRecord[]) => furtherGroups([], records);

/** A structure as texts: sets in order, and by chain its hook and rules, with all that the rules do. */
function describeStructure({ sets, chains }: Structure) {
  const bytes = (write: (writer: BodyWriter) => void) => {
    const writer = new BodyWriter();
    write(writer);
    return String(writer.finish());
  };
  return {
    sets: sets.map(({ table, name, key, value }) => JSON.stringify([table, name, key, value])),
    chains: chains.map(({ table, name, hook, rules }) => ({
      name: JSON.stringify([table, name, hook]),
      rules: rules.map(({ comment, expressions }) =>
        JSON.stringify([comment, expressions.map((each) => [each.name, bytes(each.write)])]),
      ),
    })),
  };
}

const compare = (one: string, other: string) => (one < other ? -1 : 1);

describe("the structure of groups", () => {
  test("is extended by further groups: sets, chains, and rules at the ends of chains", () => {
    fc.assert(
      fc.property(someRecords, someRecords, (first, further) => {
        const groups = groupsOf(first);
        const start = describeStructure(structureOf(groups));
        const whole = describeStructure(structureOf([...groups, ...furtherGroups(groups, further)]));
        expect(whole.sets).toEqual(expect.arrayContaining(start.sets));
        for (const { name, rules } of start.chains) {
          const chain = whole.chains.find((each) => each.name === name);
          expect(chain?.rules.slice(0, rules.length)).toEqual(rules);
        }
      }),
    );
  });

  test("is that of the first groups and what is beyond it, and nothing twice", () => {
    fc.assert(
      fc.property(someRecords, someRecords, (first, further) => {
        const groups = groupsOf(first);
        const start = structureOf(groups);
        const whole = structureOf([...groups, ...furtherGroups(groups, further)]);
        const [one, two, all] = [start, beyond(whole, start), whole].map(describeStructure);
        if (one === undefined || two === undefined || all === undefined) throw new Error("three of them");
        expect([...one.sets, ...two.sets].sort()).toEqual([...all.sets].sort());
        const chains = new Map<string, string[]>();
        for (const { name, rules } of [...one.chains, ...two.chains]) {
          chains.set(name, [...(chains.get(name) ?? []), ...rules]);
        }
        const sorted = all.chains.map(({ name, rules }) => [name, rules] as const);
        expect([...chains].sort(([a], [b]) => compare(a, b))).toEqual(
          sorted.sort(([a], [b]) => compare(a, b)),
        );
        // Of a chain that exists already, only its new rules: its hook is the same.
        expect(new Set(all.sets).size).toBe(all.sets.length);
        expect(new Set(all.chains.map(({ name }) => name)).size).toBe(all.chains.length);
      }),
    );
  });

  test("has names that nft takes and comments that nft loads again, and needs no group twice", () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const groups = groupsOf(records);
        expect(furtherGroups(groups, records)).toEqual([]);
        expect(new Set(groups.map(groupName)).size).toBe(groups.length);
        const { sets, chains } = structureOf(groups);
        for (const { name } of [...sets, ...chains]) expect(name).toMatch(nftName);
        // NFTNL_UDATA_COMMENT_MAXLEN.
        for (const { comment } of chains.flatMap(({ rules }) => rules)) {
          expect(Buffer.byteLength(comment)).toBeLessThanOrEqual(128);
        }
      }),
    );
  });

  test("says of each rule by its comment which one of its chain it is", () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        for (const { rules } of structureOf(groupsOf(records)).chains) {
          const comments = rules.map(({ comment }) => comment);
          expect(new Set(comments).size).toBe(comments.length);
        }
      }),
    );
  });

  test("of no groups, or of records for iptables, is nothing", () => {
    expect(makeStructure(structureOf([]))).toEqual([]);
    fc.assert(
      fc.property(anyRecord, (record) => {
        const { spoofCheck: _, ...rest } = record;
        const other: FilterRecord = { ...rest, backend: "iptables" };
        expect([groupsOf([other]), elementsOf(other)]).toEqual([[], []]);
      }),
    );
  });

  test("is plain data: groups that were JSON make the same", () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const groups = groupsOf(records);
        const read = JSON.parse(JSON.stringify(groups)) as Group[];
        expect(furtherGroups(read, records)).toEqual([]);
        expect(describeStructure(structureOf(read))).toEqual(describeStructure(structureOf(groups)));
      }),
    );
  });
});

/** The place of every element, with the set it is in. */
const placesOf = (record: FilterRecord) => elementsOf(record).map((placed) => elementPlace(placed));

const subnetOf = (address: Cidr) => formatCidr(networkOf(address));

describe("the elements of records", () => {
  test("are in sets that the records' groups make, with fields as long as the keys'", () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const { sets } = structureOf(groupsOf(records));
        for (const { table, set, element } of records.flatMap(elementsOf)) {
          const found = sets.find((each) => each.table === table && each.name === set);
          expect(element.key.map(({ length }) => length)).toEqual(found?.key.map(({ length }) => length));
          expect(element.value?.map(({ length }) => length)).toEqual(
            found?.value?.map(({ length }) => length),
          );
        }
      }),
    );
  });

  test("are apart from sentinels, and of one record each has a place of its own", () => {
    fc.assert(
      fc.property(aRecord, (record) => {
        const places = placesOf(record);
        expect(new Set(places).size).toBe(places.length);
        for (const set of structureOf(groupsOf([record])).sets) {
          const sentinel = joinFields(sentinelOf(set).key);
          const same = elementsOf(record).filter(
            ({ set: name, element }) =>
              name === set.name && String(joinFields(element.key)) === String(sentinel),
          );
          expect(same).toEqual([]);
        }
      }),
    );
  });

  test("of two owners share a place only where both want a port, or an address of a network, that one alone can have", () => {
    fc.assert(
      fc.property(aRecord, aRecord, (one, other) => {
        fc.pre(JSON.stringify(one.owner) !== JSON.stringify(other.owner));
        const others = new Set(placesOf(other));
        const shared = placesOf(one).filter((place) => others.has(place));
        const wanted = new Set(reservationsOf(other).map(({ name }) => name));
        const both = reservationsOf(one).filter(({ name }) => wanted.has(name));
        if (shared.length > 0) expect(both).not.toEqual([]);
        // And where they want the same in the same group, one of them cannot have it.
        const isSameAddress = one.masquerade?.addresses.some((address) =>
          other.masquerade?.addresses.some(
            (each) =>
              formatCidr(each) === formatCidr(address) &&
              subnetOf(each) === subnetOf(address) &&
              one.owner.network === other.owner.network,
          ),
        );
        if (isSameAddress === true) expect(both).not.toEqual([]);
      }),
    );
  });

  test("of two networks with the same addresses share no set but that of bridge ports and host ports", () => {
    fc.assert(
      fc.property(aRecord, aRecord, (one, other) => {
        fc.pre(one.owner.network !== other.owner.network);
        const setsOf = (record: FilterRecord) =>
          new Set(elementsOf(record).flatMap(({ set }) => (/^(pods|targets)[46]-/.test(set) ? [set] : [])));
        const theirs = setsOf(other);
        expect([...setsOf(one)].filter((set) => theirs.has(set))).toEqual([]);
      }),
    );
  });

  test("are few messages, whatever their number", () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const elements = records.flatMap(elementsOf);
        const names = new Set(elements.map(({ table, set }) => `${table.family} ${set}`));
        expect(addElements(elements)).toHaveLength(names.size);
      }),
    );
  });
});

test("every use of the packet filter is made by some record", () => {
  const kinds = new Set(
    fc.sample(aRecord, 300).flatMap((record) => groupsOf([record]).map(({ kind }) => kind)),
  );
  // What the groups of administrators' chains want is in iptables' tables.
  kinds.delete("admin");
  expect([...kinds].sort()).toEqual(features.map(({ kind }) => kind).sort());
});
