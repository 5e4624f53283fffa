/** The VLAN keys of the configuration, as ranges for the bridge port. Pure. */
import type { Fields } from "../../shared/cni/fields.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { VlanRange } from "../../shared/netlink/bridge.ts";
import type { bridgeKeys } from "./schema.ts";

const HIGHEST = 4094;
/** The VLAN that every new port is in (the bridge's default_pvid). */
export const DEFAULT_VLAN = 1;

export interface VlanConfig {
  /** 0: none. */
  readonly id: number;
  /** undefined: no trunk; an empty list is a trunk that carries nothing. */
  readonly trunk: readonly VlanRange[] | undefined;
  /** Keep the port in the bridge's default VLAN too. */
  readonly preserveDefault: boolean;
}

function readId(fields: Fields, key: string): number | undefined {
  const id = fields.integer(key);
  if (id === undefined || (id >= 1 && id <= HIGHEST)) return id;
  throw fields.invalid(
    key,
    `is ${id}`,
    `incorrect trunk ${key} parameter: a VLAN ID is a number from 1 to ${HIGHEST}`,
  );
}

function readTrunkEntry(fields: Fields): [number, number][] {
  const first = readId(fields, "minID");
  const last = readId(fields, "maxID");
  const single = readId(fields, "id");
  const advice = "give both ends of a range, or a single id";
  if (first === undefined && last !== undefined)
    throw fields.invalid("minID", "is missing beside maxID", advice);
  if (last === undefined && first !== undefined)
    throw fields.invalid("maxID", "is missing beside minID", advice);
  if (first !== undefined && last !== undefined && first > last) {
    throw fields.invalid("minID", `is greater than maxID (${first} > ${last})`, "swap them");
  }
  const ranges: [number, number][] = [];
  if (first !== undefined && last !== undefined) ranges.push([first, last]);
  if (single !== undefined) ranges.push([single, single]);
  return ranges;
}

/** Sorted, with overlapping and adjacent ranges joined: the kernel takes each VLAN once. */
export function joinRanges(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const joined: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

/** Reads vlan, vlanTrunk and preserveDefaultVlan. Throws codes 6 and 7. */
export function readVlanConfig(fields: Keyed<typeof bridgeKeys>): VlanConfig {
  const id = fields.integer("vlan") ?? 0;
  if (id < 0 || id > HIGHEST) {
    throw fields.invalid("vlan", `is ${id}`, `invalid VLAN ID ${id} (must be between 0 and ${HIGHEST})`);
  }
  const entries = fields.objects("vlanTrunk");
  const trunk = entries === undefined ? undefined : joinRanges(entries.flatMap(readTrunkEntry));
  return {
    id,
    trunk: trunk?.map(([first, last]) => ({ first, last, pvid: false, untagged: false })),
    preserveDefault: fields.boolean("preserveDefaultVlan") ?? false,
  };
}

export function usesVlans(config: VlanConfig): boolean {
  return config.id !== 0 || config.trunk !== undefined;
}

/**
 * The VLANs of the container's port. As in the reference plugin, a trunk without `vlan` has VLAN 1 for its
 * untagged frames.
 */
export function portVlans(config: VlanConfig): VlanRange[] {
  const untagged = config.id !== 0 ? config.id : DEFAULT_VLAN;
  const access = { first: untagged, last: untagged, pvid: true, untagged: true };
  return [...(config.trunk ?? []).flatMap((range) => without(range, untagged)), access];
}

/** The access VLAN has an entry of its own: as a part of the trunk it would be tagged. */
function without(range: VlanRange, id: number): VlanRange[] {
  if (id < range.first || id > range.last) return [range];
  const parts = [
    { ...range, last: id - 1 },
    { ...range, first: id + 1 },
  ];
  return parts.filter((part) => part.first <= part.last);
}
