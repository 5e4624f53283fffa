/** Address ranges: the parts of subnets that addresses are handed out from. Numbers only; nothing here reads the disk. */
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
  /** Goes into the result as it is; it may lie outside the subnet, as a routed (ptp) network can have it. */
  readonly gateway: IpAddress;
  /** What is never handed out of [start, end]: gateways and exclusions; sorted, merged, clipped to the range. */
  readonly withheld: readonly Interval[];
}

/** The ranges one address of an attachment is taken from; all of one family. */
export interface RangeSet {
  readonly ranges: readonly Range[];
}

/** For sort, which takes no big integers. */
export const compareValues = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const compare = (a: Interval, b: Interval): number => compareValues(a.first, b.first);

/** Joins intervals that touch; they must be sorted. */
function merge(sorted: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const previous = merged[merged.length - 1];
    if (previous === undefined || interval.first > previous.last + 1n) merged.push(interval);
    else if (interval.last > previous.last) merged[merged.length - 1] = { ...previous, last: interval.last };
  }
  return merged;
}

/** Sorts intervals, and joins those that touch. */
export function sortAndMerge(intervals: readonly Interval[]): Interval[] {
  return merge([...intervals].sort(compare));
}

/** The position of the first of sorted intervals that ends at or after a value. */
function positionAt(sorted: readonly Interval[], value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as Interval).last < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those parts of intervals, sorted and joined, that are within a range. */
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

export function isInRange({ start, end }: Range, { family, value }: IpAddress): boolean {
  return family === start.family && value >= start.value && value <= end.value;
}

/** The range of a set that holds an address. */
export function rangeOf({ ranges }: RangeSet, address: IpAddress): Range | undefined {
  return ranges.find((range) => isInRange(range, address));
}

/** Whether an address may be handed out: in a range, no gateway, not excluded. */
export function isAllowed(set: RangeSet, address: IpAddress): boolean {
  const { withheld } = rangeOf(set, address) ?? {};
  if (withheld === undefined) return false;
  const next = withheld[positionAt(withheld, address.value)];
  return next === undefined || next.first > address.value;
}

/** How many addresses can be handed out of a set. */
export function capacity({ ranges }: RangeSet): bigint {
  let sum = 0n;
  for (const { start, end, withheld } of ranges) {
    sum += end.value - start.value + 1n;
    for (const { first, last } of withheld) sum -= last - first + 1n;
  }
  return sum;
}

/** The set as errors name it: "10.1.0.1-10.1.0.254, 10.2.0.10-10.2.0.20". */
export function describeSet({ ranges }: RangeSet): string {
  return ranges.map(({ start, end }) => `${formatIp(start)}-${formatIp(end)}`).join(", ");
}

/** Decides about a candidate: true ends the search. */
export type Accept = (address: IpAddress) => boolean;

/** Offers the allowed addresses from `first` to `last`; what is withheld is jumped over, not counted through. */
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
 * Offers every allowed address of a set once, until one is accepted. The order is the reference's: round robin,
 * beginning after the address that was handed out last, so that a released address rests as long as possible.
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
