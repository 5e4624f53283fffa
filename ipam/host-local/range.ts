/** Address ranges: parts of subnets, as numbers. Nothing here reads the disk. */
import type { IpAddress } from "../../shared/ip/address.ts";
import { formatIp } from "../../shared/ip/address.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";

/** Consecutive addresses of one family, both ends included. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

export interface Range {
  readonly subnet: Cidr;
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** Copied into the result. It may lie outside the subnet: routed (ptp) networks use that. */
  readonly gateway: IpAddress;
  /** The addresses of [start, end] that are never handed out: gateways and exclusions; sorted, merged and clipped. */
  readonly withheld: readonly Interval[];
}

/** An attachment gets one address of a range set. All its ranges have the same family. */
export interface RangeSet {
  readonly ranges: readonly Range[];
}

/** A comparison for sort, which needs a number and no bigint. */
export const compareValues = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const compare = (a: Interval, b: Interval): number => compareValues(a.first, b.first);

/** Merges adjacent intervals of a sorted list. */
function merge(sorted: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const previous = merged[merged.length - 1];
    if (previous === undefined || interval.first > previous.last + 1n) merged.push(interval);
    else if (interval.last > previous.last) merged[merged.length - 1] = { ...previous, last: interval.last };
  }
  return merged;
}

/** Sorts intervals and merges adjacent ones. */
export function sortAndMerge(intervals: readonly Interval[]): Interval[] {
  return merge([...intervals].sort(compare));
}

/** The index of the first interval that ends at or after a value. The intervals are sorted. */
function positionAt(sorted: readonly Interval[], value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as Interval).last < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Clips sorted intervals to a range. */
export function clip(merged: readonly Interval[], within: Interval): Interval[] {
  const clipped: Interval[] = [];
  for (let at = positionAt(merged, within.first); at < merged.length; at++) {
    let { first, last } = merged[at] as Interval;
    if (first > within.last) break;
    if (first < within.first) first = within.first;
    if (last > within.last) last = within.last;
    clipped.push({ first, last });
  }
  return clipped;
}

function isInRange({ start, end }: Range, { family, value }: IpAddress): boolean {
  return family === start.family && value >= start.value && value <= end.value;
}

/** The range of a set that contains an address. */
export function rangeOf({ ranges }: RangeSet, address: IpAddress): Range | undefined {
  return ranges.find((range) => isInRange(range, address));
}

/** True if an address may be handed out: it is in a range, is no gateway and is not excluded. */
export function isAllowed(set: RangeSet, address: IpAddress): boolean {
  const { withheld } = rangeOf(set, address) ?? {};
  if (withheld === undefined) return false;
  const next = withheld[positionAt(withheld, address.value)];
  return next === undefined || next.first > address.value;
}

/** The number of addresses that a set can hand out. */
export function capacity({ ranges }: RangeSet): bigint {
  let sum = 0n;
  for (const { start, end, withheld } of ranges) {
    sum += end.value - start.value + 1n;
    for (const { first, last } of withheld) sum -= last - first + 1n;
  }
  return sum;
}

/** The set in errors: "10.1.0.1-10.1.0.254, 10.2.0.10-10.2.0.20". */
export function describeSet({ ranges }: RangeSet): string {
  return ranges.map(({ start, end }) => `${formatIp(start)}-${formatIp(end)}`).join(", ");
}

/** Returns true to accept an address, which ends the search. */
export type Accept = (address: IpAddress) => boolean;

/** Offers the allowed addresses from `first` to `last`. Withheld intervals are skipped whole. */
function offer(
  { start, withheld }: Range,
  first: bigint,
  last: bigint,
  accept: Accept,
): IpAddress | undefined {
  let value = first;
  for (let at = 0; at <= withheld.length; at++) {
    const hole = withheld[at];
    for (; value <= last && (hole === undefined || value < hole.first); value++) {
      const address: IpAddress = { family: start.family, value };
      if (accept(address)) return address;
    }
    if (hole !== undefined && hole.last >= value) value = hole.last + 1n;
  }
  return undefined;
}

/**
 * Offers each allowed address of a set once, until one is accepted. The order is round robin as in the reference
 * plugin: it begins after the last address handed out, so a released address rests as long as possible.
 */
export function findCandidate(
  { ranges }: RangeSet,
  after: IpAddress | undefined,
  accept: Accept,
): IpAddress | undefined {
  const current = after === undefined ? undefined : rangeOf({ ranges }, after);
  if (after === undefined || current === undefined) return offerAll(ranges, accept);
  const at = ranges.indexOf(current);
  return (
    offer(current, after.value + 1n, current.end.value, accept) ??
    offerAll([...ranges.slice(at + 1), ...ranges.slice(0, at)], accept) ??
    offer(current, current.start.value, after.value, accept)
  );
}

function offerAll(ranges: readonly Range[], accept: Accept): IpAddress | undefined {
  for (const range of ranges) {
    const found = offer(range, range.start.value, range.end.value, accept);
    if (found !== undefined) return found;
  }
  return undefined;
}
