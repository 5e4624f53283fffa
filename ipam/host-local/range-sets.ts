/** Reads range sets from a configuration: capability ipRanges, the old flat keys, and `ranges`, in that order. */
import type { CniError } from "../../shared/cni/error.ts";
import { Fields, isObject } from "../../shared/cni/fields.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import {
  addToIp,
  bitsOf,
  type Family,
  formatIp,
  type IpAddress,
  isSameIp,
  parseIp,
} from "../../shared/ip/address.ts";
import {
  type Cidr,
  contains,
  formatCidr,
  hostCidr,
  lastAddress,
  networkAddress,
  networkOf,
  parseCidr,
} from "../../shared/ip/cidr.ts";
import { flatRange, requireRanges } from "./missing-ranges.ts";
import {
  capacity,
  clip,
  compareValues,
  describeSet,
  type Interval,
  type Range,
  type RangeSet,
  sortAndMerge,
} from "./range.ts";
import type { rangeKeys } from "./schema.ts";

export type { RangeSet } from "./range.ts";

type RangeFields = Keyed<typeof rangeKeys>;

/** A range as configured. `withheld` follows later: gateways and exclusions apply to all ranges. */
interface Draft extends Omit<Range, "withheld"> {
  readonly exclude: readonly Cidr[];
  readonly fields: Fields;
}

/** A list of range sets: a list of lists of objects. */
function readSets(fields: Fields, key: string, sets: Draft[][]): void {
  const values = fields.list(key) ?? [];
  for (let index = 0; index < values.length; index++) {
    const path = `${key}[${index}]`;
    const set = readSet(fields, path, values[index]);
    if (set.length === 0) {
      throw fields.invalid(
        path,
        "is an empty range set",
        `give it a range, such as {"subnet": "10.88.0.0/16"}`,
      );
    }
    sets.push(set);
  }
}

/** Reads each level as a key of its own, so that an error names the full path. */
function readSet(fields: Fields, path: string, value: unknown): Draft[] {
  const at = (name: string, item: unknown) => new Fields({ [name]: item }, fields.pathOf("").slice(0, -1));
  const set: Draft[] = [];
  if (isObject(value)) throw flatRange(fields.pathOf(path), value);
  for (const item of at(path, value).list(path) ?? []) {
    const name = `${path}[${set.length}]`;
    const range = at(name, item).object(name);
    if (range === undefined)
      throw fields.invalid(name, "is null", `give a range, such as {"subnet": "10.88.0.0/16"}`);
    set.push(readRange(range));
  }
  return set;
}

/** The capability comes first, then the flat keys: a set's position chooses its last_reserved_ip file. */
function readAllSets(configuration: NetworkConfiguration, ipam: Fields): Draft[][] {
  const sets: Draft[][] = [];
  readSets(configuration.runtimeConfig, "ipRanges", sets);
  if ((ipam.text("subnet") ?? "") !== "") sets.push([readRange(ipam)]);
  readSets(ipam, "ranges", sets);
  return sets;
}

/** Reads and checks all range sets. `canWait`: ranges may come from the runtime later. Throws code 7. */
export function rangeSetsFrom(
  configuration: NetworkConfiguration,
  ipam: Fields,
  canWait: boolean,
): RangeSet[] {
  const drafts = readAllSets(configuration, ipam);
  requireRanges(configuration, drafts, canWait);
  for (const set of drafts) checkOneFamily(set);
  const all = drafts.flat();
  for (const family of families) checkApart(all.filter(({ start }) => start.family === family));
  const gateways = all.map(({ gateway }) => hostCidr(gateway));
  const exclusions = [readExclusions(ipam), ...all.map(({ exclude }) => exclude), gateways].flat();
  const withheld = { 4: intervalsOf(exclusions, 4), 6: intervalsOf(exclusions, 6) };
  return drafts.map((set) => finishSet(set, withheld));
}

const families: readonly Family[] = [4, 6];

function intervalsOf(cidrs: readonly Cidr[], family: Family): Interval[] {
  const own = cidrs.filter(({ address }) => address.family === family);
  return sortAndMerge(own.map((cidr) => ({ first: cidr.address.value, last: lastAddress(cidr).value })));
}

function readSubnet(fields: RangeFields): Cidr {
  const text = fields.text("subnet") ?? "";
  const subnet = parseCidr(text);
  if (subnet === undefined) {
    const problem = text === "" ? "is missing" : `is not a network in CIDR notation: ${JSON.stringify(text)}`;
    throw fields.invalid("subnet", problem, "write a network such as 10.88.0.0/16 or fd00:88::/64");
  }
  const network = networkAddress(subnet);
  if (!isSameIp(network, subnet.address)) {
    const advice = `for a subnet mask of length ${subnet.prefixLength} the network address is ${formatIp(network)}`;
    throw fields.invalid("subnet", `has host bits set: ${text}`, advice);
  }
  if (subnet.prefixLength > bitsOf(network.family) - 2) {
    const advice = `it must contain a gateway and a container: /${bitsOf(network.family) - 2} or larger`;
    throw fields.invalid("subnet", `is too small to allocate from: ${text}`, advice);
  }
  return subnet;
}

function readAddress(fields: RangeFields, key: "rangeStart" | "rangeEnd" | "gateway"): IpAddress | undefined {
  const text = fields.text(key) ?? "";
  if (text === "") return undefined;
  const address = parseIp(text);
  if (address !== undefined) return address;
  throw fields.invalid(key, `is not an IP address: ${JSON.stringify(text)}`, "write one such as 10.88.0.10");
}

/** An end of the range; the subnet's own by default. */
function readBound(fields: RangeFields, key: "rangeStart" | "rangeEnd", subnet: Cidr): IpAddress {
  const isStart = key === "rangeStart";
  const address = readAddress(fields, key);
  if (address === undefined) {
    if (isStart) return addToIp(networkAddress(subnet), 1n);
    // IPv4 reserves the last address for broadcast; IPv6 has no broadcast.
    return addToIp(lastAddress(subnet), subnet.address.family === 4 ? -1n : 0n);
  }
  if (contains(subnet, address)) return address;
  throw fields.invalid(
    key,
    `${formatIp(address)} is not in the subnet ${formatCidr(subnet)}`,
    "choose one inside",
  );
}

function readGateway(fields: RangeFields, subnet: Cidr): IpAddress {
  const gateway = readAddress(fields, "gateway") ?? addToIp(networkAddress(subnet), 1n);
  if (gateway.family === subnet.address.family) return gateway;
  const problem = `${formatIp(gateway)} is of another address family than the subnet ${formatCidr(subnet)}`;
  throw fields.invalid("gateway", problem, "give each family a range set and a gateway of its own");
}

function readRange(fields: Fields): Draft {
  const subnet = readSubnet(fields);
  const start = readBound(fields, "rangeStart", subnet);
  const end = readBound(fields, "rangeEnd", subnet);
  if (start.value > end.value) {
    const problem = `${formatIp(start)} is after rangeEnd ${formatIp(end)}`;
    throw fields.invalid("rangeStart", problem, "swap them, or omit one");
  }
  const exclude = readExclusions(fields);
  return { subnet, start, end, gateway: readGateway(fields, subnet), exclude, fields };
}

/**
 * `exclude`: addresses and networks that are never handed out. On a range or beside the ranges, the effect is the
 * same.
 */
function readExclusions(fields: RangeFields): Cidr[] {
  const exclusions: Cidr[] = [];
  for (const text of fields.texts("exclude") ?? []) exclusions.push(readExclusion(fields, text));
  return exclusions;
}

function readExclusion(fields: RangeFields, text: string): Cidr {
  const address = parseIp(text);
  const cidr = address === undefined ? parseCidr(text) : hostCidr(address);
  if (cidr === undefined) {
    const problem = `contains a value that is neither an address nor a network: ${JSON.stringify(text)}`;
    throw fields.invalid("exclude", problem, "write 10.88.0.10 or 10.88.0.64/26");
  }
  if (isSameIp(networkAddress(cidr), cidr.address)) return cidr;
  const problem = `contains a network with host bits set: ${text}`;
  throw fields.invalid("exclude", problem, `did you mean ${formatCidr(networkOf(cidr))}?`);
}

/**
 * Throws if two ranges of a family overlap: the store has addresses without ranges. With ranges sorted by start, a
 * range overlaps an earlier one only if it overlaps the one with the greatest end.
 */
function checkApart(drafts: readonly Draft[]): void {
  const position = new Map(drafts.map((draft, at) => [draft, at]));
  const sorted = [...drafts].sort((a, b) => compareValues(a.start.value, b.start.value));
  let furthest: Draft | undefined;
  for (const draft of sorted) {
    if (furthest !== undefined && draft.start.value <= furthest.end.value) {
      const isLater = (position.get(draft) ?? 0) > (position.get(furthest) ?? 0);
      throw isLater ? overlap(furthest, draft) : overlap(draft, furthest);
    }
    if (furthest === undefined || draft.end.value > furthest.end.value) furthest = draft;
  }
}

/** In the configuration, `b` comes after `a`. */
function overlap(a: Draft, b: Draft): CniError {
  const text = ({ start, end }: Draft) => `${formatIp(start)}-${formatIp(end)}`;
  const problem = `overlaps with "${a.fields.pathOf("subnet")}": ${text(a)} and ${text(b)} share addresses`;
  return b.fields.invalid("subnet", problem, "keep ranges apart with rangeStart and rangeEnd, or remove one");
}

function checkOneFamily(set: readonly Draft[]): void {
  for (const { start, fields } of set) {
    if (start.family === set[0]?.start.family) continue;
    const advice =
      "an attachment gets one address of each range set: put IPv4 and IPv6 ranges into sets of their own";
    throw fields.invalid("subnet", "mixed address families in one range set", advice);
  }
}

/** `withheld` applies to all ranges of a family; it is sorted and merged. */
function finishSet(set: readonly Draft[], withheld: Readonly<Record<Family, readonly Interval[]>>): RangeSet {
  const ranges = set.map(({ subnet, start, end, gateway }): Range => {
    const within = { first: start.value, last: end.value };
    return { subnet, start, end, gateway, withheld: clip(withheld[start.family], within) };
  });
  if (capacity({ ranges }) > 0n) return { ranges };
  const problem = `leaves no address to hand out: gateways and "exclude" cover all of ${describeSet({ ranges })}`;
  throw (set[0]?.fields ?? new Fields({})).invalid("subnet", problem, "widen the range, or exclude less");
}
