/** The keys of the two modes: `l2` and `l3`. */
import { quote } from "../../shared/cni/error.ts";
import { Fields } from "../../shared/cni/fields.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Family, formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr } from "../../shared/ip/cidr.ts";
import { CidrTable, findOverlap } from "../../shared/ip/cidr-table.ts";
import { readSysctl } from "../../shared/system/sysctl.ts";
import { readNetwork } from "./peers/static.ts";
import type { l2Keys, l3Keys } from "./schema/modes.ts";

type L2Fields = Keyed<typeof l2Keys>;
type L3Fields = Keyed<typeof l3Keys>;

/** How frames to an unknown destination reach the other nodes. */
export type Flood = "replicate" | "multicast" | "none";

export interface L2Config {
  readonly flood: Flood;
  /** Set with the flood "multicast". */
  readonly group: IpAddress | undefined;
  /** Seconds. */
  readonly ageing: number;
  /** Neighbour suppression: the bridge answers ARP and neighbour solicitations for the peers' `macs`. */
  readonly suppress: boolean;
  readonly fields: Fields;
}

export interface L3Config {
  /** The networks that contain all pod subnets of the overlay. */
  readonly networks: readonly Cidr[];
  /** The pod subnets of this node. */
  readonly subnets: readonly Cidr[];
  /** Routes without encapsulation to peers on the same link. */
  readonly directRouting: boolean;
  /** The plugin that attaches pods. */
  readonly attach: "ptp" | "bridge";
  readonly fields: Fields;
}

const DEFAULT_AGEING = 300;
const noFields = (path: string) => new Fields({}, path);

function oneOf<Value extends string>(fields: Fields, key: string, known: readonly Value[]): Value {
  const text = fields.text(key) ?? known[0];
  const value = known.find((each) => each === text);
  if (value !== undefined) return value;
  throw fields.invalid(key, `is ${quote(text)}`, `known are: ${known.join(", ")}`);
}

const isGroup = ({ family, value }: IpAddress) =>
  family === 4 ? value >> 28n === 0xen : value >> 120n === 0xffn;

interface UnderlayKeys {
  readonly dev: string | undefined;
  readonly local: IpAddress | undefined;
}

function readGroup(fields: L2Fields, flood: Flood, { dev, local }: UnderlayKeys): IpAddress | undefined {
  const text = fields.text("group") ?? "";
  const group = parseIp(text);
  if (flood !== "multicast") {
    if (text === "") return undefined;
    throw fields.invalid("group", `is set, but "flood" is ${quote(flood)}`, 'set "flood" to "multicast"');
  }
  if (group === undefined || !isGroup(group)) {
    const problem = text === "" ? "is missing" : `is not a multicast address: ${quote(text)}`;
    throw fields.invalid("group", problem, "give one of 239.0.0.0/8 (RFC 2365) or ff05::/16 (RFC 4291)");
  }
  if (dev === undefined) {
    const advice = 'name the interface that leads to the other nodes: "underlay": {"dev": "eth0"}';
    throw fields.invalid("group", "needs underlay.dev: a group is joined on one interface", advice);
  }
  if (local !== undefined && local.family !== group.family) {
    const advice = "all outer addresses of an overlay must have the same family";
    throw fields.invalid(
      "group",
      `${text} has another family than underlay.local ${formatIp(local)}`,
      advice,
    );
  }
  return group;
}

/** Reads `l2`. Throws codes 6 and 7. */
export function readL2(parent: Fields, underlay: UnderlayKeys): L2Config {
  const fields = parent.object("l2") ?? noFields("l2");
  const flood = oneOf(fields, "flood", ["replicate", "multicast", "none"] as const);
  const keys: L2Fields = fields;
  const ageing = keys.integer("ageing") ?? DEFAULT_AGEING;
  if (ageing < 0 || ageing > 0xffffffff) throw fields.invalid("ageing", `is ${ageing}`, "give it in seconds");
  return {
    flood,
    group: readGroup(keys, flood, underlay),
    ageing,
    suppress: oneOf(fields, "arp", ["flood", "suppress"] as const) === "suppress",
    fields,
  };
}

function readNetworks(fields: L3Fields, key: "network" | "subnets"): Cidr[] {
  const value = fields.value(key);
  const texts = typeof value === "string" ? [value] : (fields.texts(key) ?? []);
  const networks = texts.map((text, index) => readNetwork(fields, `${key}[${index}]`, text));
  if (networks.length === 0)
    throw fields.invalid(key, "is missing", "the mode l3 needs it: see the plugin's README");
  const pair = findOverlap(networks, (cidr) => cidr)?.map((cidr) => networks.indexOf(cidr)) ?? [];
  const [other, one] = pair.sort((a, b) => a - b);
  if (one === undefined || other === undefined) return networks;
  const problem = `${formatCidr(networks[one] as Cidr)} overlaps ${formatCidr(networks[other] as Cidr)}`;
  throw fields.invalid(`${key}[${one}]`, problem, "write it once");
}

/** A table that finds the network of an address. */
export function tableOf(networks: readonly Cidr[]): CidrTable<Cidr> {
  const table = new CidrTable<Cidr>();
  for (const cidr of networks) table.add(cidr, cidr);
  return table;
}

function refuseOutside(fields: Fields, networks: readonly Cidr[], subnets: readonly Cidr[]): void {
  const table = tableOf(networks);
  for (const subnet of subnets) {
    if (table.findHolder(subnet, "same or wider") !== undefined) continue;
    const advice = "l3.network lists the networks that the nodes take their pod subnets from";
    throw fields.invalid("subnets", `has ${formatCidr(subnet)}, which is not in l3.network`, advice);
  }
}

/**
 * With DF set, a packet too large for a later link would vanish. The router's ICMP error reaches this node and not the
 * pod, unless forwarded packets use the path MTU (ip_forward_use_pmtu, Documentation/networking/ip-sysctl.rst).
 */
function validateForwardedMtu(parent: Fields): void {
  const df = parent.text("df") ?? "unset";
  if (df === "unset" || readSysctl("ipv4/ip_forward_use_pmtu") === "1") return;
  const advice = "run: sysctl -w net.ipv4.ip_forward_use_pmtu=1, or omit df";
  throw parent.invalid(
    "df",
    `is ${quote(df)} in the mode l3, where pods would not learn of a smaller MTU`,
    advice,
  );
}

/** Reads `l3`. Throws codes 6 and 7. */
export function readL3(parent: Fields, ipamType: string): L3Config {
  const fields = parent.object("l3") ?? noFields("l3");
  if (ipamType === "") {
    const advice =
      'packets are routed to addresses, so there must be some: add "ipam": {"type": "host-local"}';
    throw parent.invalid("ipam", "names no plugin", advice);
  }
  validateForwardedMtu(parent);
  const keys: L3Fields = fields;
  const networks = readNetworks(keys, "network");
  const subnets = readNetworks(keys, "subnets");
  refuseOutside(fields, networks, subnets);
  return {
    networks,
    subnets,
    directRouting: keys.boolean("directRouting") ?? false,
    attach: oneOf(fields, "attach", ["ptp", "bridge"] as const),
    fields,
  };
}

/** The address families of the node's pod subnets. */
export function familiesOf({ subnets }: L3Config): Family[] {
  return [...new Set(subnets.map((cidr) => cidr.address.family))];
}
