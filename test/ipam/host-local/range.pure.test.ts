import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  capacity,
  clip,
  describeSet,
  findCandidate,
  type Interval,
  isAllowed,
  type Range,
  type RangeSet,
  rangeOf,
  sortAndMerge,
} from "../../../ipam/host-local/range.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";

/** The oracles count: everything happens among so few addresses that each can be looked at. */
const UNIVERSE = 64;
const all = Array.from({ length: UNIVERSE }, (_, value) => value);
const at = (value: number | bigint): IpAddress => ({ family: 4, value: BigInt(value) });

const interval = fc.tuple(fc.integer({ min: 0, max: UNIVERSE - 1 }), fc.integer({ min: 0, max: 12 })).map(
  ([first, length]): Interval => ({
    first: BigInt(first),
    last: BigInt(Math.min(first + length, UNIVERSE - 1)),
  }),
);
const intervals = fc.array(interval, { maxLength: 6 });
const isIn = (list: readonly Interval[], value: number) =>
  list.some(({ first, last }) => first <= value && value <= last);

function rangeFrom({ first, last }: Interval, withheld: readonly Interval[]): Range {
  const subnet = { address: at(0), prefixLength: 26 };
  const range = { subnet, start: at(first), end: at(last), gateway: at(1) };
  return { ...range, withheld: clip(sortAndMerge(withheld), { first, last }) };
}

/** Ranges that do not overlap, in any order, with exclusions. */
const set = fc
  .tuple(fc.uniqueArray(fc.constantFrom(0, 1, 2, 3), { minLength: 1 }), intervals, fc.nat(7), fc.nat(7))
  .map(
    ([parts, withheld, before, after]): RangeSet => ({
      ranges: parts.map((part) => {
        const first = BigInt(part * 16 + before);
        const last = BigInt(part * 16 + 15 - after);
        return rangeFrom({ first, last }, withheld);
      }),
    }),
  );

/** What a set offers, by counting: range by range, address by address. */
const offered = ({ ranges }: RangeSet) =>
  ranges.flatMap(({ start, end, withheld }) =>
    all.filter((value) => start.value <= value && value <= end.value && !isIn(withheld, value)),
  );

function visit(ranges: RangeSet, after: IpAddress | undefined): number[] {
  const seen: number[] = [];
  const found = findCandidate(ranges, after, ({ value }) => {
    seen.push(Number(value));
    return false;
  });
  expect(found).toBeUndefined();
  return seen;
}

describe("intervals", () => {
  test("keep exactly what is in one of them and within the range", () => {
    fc.assert(
      fc.property(intervals, interval, (list, within) => {
        const merged = clip(sortAndMerge(list), within);
        for (const value of all) {
          expect(isIn(merged, value)).toBe(isIn(list, value) && isIn([within], value));
        }
      }),
    );
  });

  test("come out sorted, with a gap between any two", () => {
    fc.assert(
      fc.property(intervals, interval, (list, within) => {
        const merged = clip(sortAndMerge(list), within);
        merged.forEach(({ first, last }, index) => {
          expect(first <= last).toBe(true);
          const next = merged[index + 1];
          if (next !== undefined) expect(next.first > last + 1n).toBe(true);
        });
      }),
    );
  });
});

describe("the candidates of a set", () => {
  test("are, without a last one, all allowed addresses in the order of the ranges", () => {
    fc.assert(
      fc.property(set, (ranges) => {
        expect(visit(ranges, undefined)).toEqual(offered(ranges));
      }),
    );
  });

  test("are the same, each once, from wherever the round begins", () => {
    fc.assert(
      fc.property(set, fc.nat(UNIVERSE - 1), (ranges, last) => {
        const seen = visit(ranges, at(last));
        expect([...seen].sort((a, b) => a - b)).toEqual(offered(ranges).sort((a, b) => a - b));
      }),
    );
  });

  test("begin after the last one, and come to it at the end", () => {
    fc.assert(
      fc.property(set, fc.nat(UNIVERSE - 1), (ranges, last) => {
        fc.pre(rangeOf(ranges, at(last)) !== undefined);
        const round = offered({ ranges: ranges.ranges.map((range) => ({ ...range, withheld: [] })) });
        const turned = [...round.slice(round.indexOf(last) + 1), ...round.slice(0, round.indexOf(last) + 1)];
        const allowed = new Set(offered(ranges));
        expect(visit(ranges, at(last))).toEqual(turned.filter((value) => allowed.has(value)));
      }),
    );
  });

  test("end with the one that is accepted", () => {
    fc.assert(
      fc.property(set, fc.nat(UNIVERSE - 1), fc.nat(UNIVERSE - 1), (ranges, last, wanted) => {
        const found = findCandidate(ranges, at(last), ({ value }) => value >= BigInt(wanted));
        const expected = visit(ranges, at(last)).find((value) => value >= wanted);
        expect(found).toEqual(expected === undefined ? undefined : at(expected));
      }),
    );
  });

  test("begin at the start when the last one is of another family, or of no range", () => {
    const ranges = { ranges: [rangeFrom({ first: 10n, last: 12n }, [])] };
    expect(visit(ranges, { family: 6, value: 11n })).toEqual([10, 11, 12]);
    expect(visit(ranges, at(40))).toEqual([10, 11, 12]);
  });

  test("jump over what is excluded, however much it is", () => {
    const start: IpAddress = { family: 6, value: 0xfd00n << 112n };
    const end = { ...start, value: start.value + 2n ** 64n - 1n };
    const hole = { first: start.value, last: end.value - 1n };
    const subnet = { address: start, prefixLength: 64 };
    const range = { subnet, start, end, gateway: start, withheld: [hole] };
    expect(findCandidate({ ranges: [range] }, undefined, () => true)).toEqual(end);
    expect(capacity({ ranges: [range] })).toBe(1n);
  });
});

describe("a set", () => {
  test("has as many addresses as it offers, and allows those", () => {
    fc.assert(
      fc.property(set, (ranges) => {
        const allowed = offered(ranges);
        expect(capacity(ranges)).toBe(BigInt(allowed.length));
        for (const value of all) expect(isAllowed(ranges, at(value))).toBe(allowed.includes(value));
      }),
    );
  });

  test("does not know an address of the other family", () => {
    const ranges = { ranges: [rangeFrom({ first: 0n, last: 63n }, [])] };
    expect(rangeOf(ranges, { family: 6, value: 3n })).toBeUndefined();
    expect(isAllowed(ranges, { family: 6, value: 3n })).toBe(false);
  });

  test("is described by the ends of its ranges", () => {
    const ranges = [rangeFrom({ first: 2n, last: 5n }, []), rangeFrom({ first: 8n, last: 9n }, [])];
    expect(describeSet({ ranges })).toBe("0.0.0.2-0.0.0.5, 0.0.0.8-0.0.0.9");
  });
});
