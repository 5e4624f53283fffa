/**
 * The vxlan plugin's configuration without the peers: parsed, completed with defaults and validated before any change.
 */
import { readMac } from "../../shared/attachment/requested-mac.ts";
import { quote } from "../../shared/cni/error.ts";
import { Fields } from "../../shared/cni/fields.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { DontFragment, HIGHEST_VNI } from "../../shared/netlink/vxlan.ts";
import { hasRoomFor } from "./device-alias.ts";
import { type L2Config, type L3Config, readL2, readL3 } from "./modes.ts";
import type { vxlanKeys } from "./schema.ts";

type VxlanFields = Keyed<typeof vxlanKeys>;
type IntegerKey = Parameters<VxlanFields["integer"]>[0];

export interface VxlanConfig {
  /** The network's name. */
  readonly network: string;
  readonly vni: number;
  /** The UDP destination port of all nodes. */
  readonly port: number;
  readonly device: string;
  readonly underlay: { readonly dev: string | undefined; readonly local: IpAddress | undefined };
  /** The pods' MTU. Undefined: the underlay's minus the encapsulation. */
  readonly mtu: number | undefined;
  /** The device's MAC address. Undefined: derived from the local address. */
  readonly mac: string | undefined;
  readonly ttl: number;
  /** One of DontFragment. */
  readonly df: number;
  readonly sourcePorts: readonly [number, number];
  readonly checksum: boolean;
  readonly learning: boolean;
  /** Accept frames of this VNI from the peers only, or by the underlay's interface only; undefined: from everywhere. */
  readonly guard: "peers" | "underlay" | undefined;
  /** Keep the device after the last DEL. */
  readonly keepDevice: boolean;
  readonly bridge: string;
  /** Exactly one of `l2` and `l3` is set. */
  readonly l2: L2Config | undefined;
  readonly l3: L3Config | undefined;
  /** Not parsed yet: most calls need no peers. */
  readonly discovery: Fields;
  readonly fields: Fields;
}

/** IANA's VXLAN port (RFC 7348, section 8). */
const DEFAULT_PORT = 4789;
/** DNS. Pods send to it through NAT, so their packets cannot be told from those of the overlay. */
const DNS_PORT = 53;
/** RFC 7348, section 5: source ports come from the dynamic range. */
const DEFAULT_SOURCE_PORTS = [49152, 65535] as const;
const SMALLEST_MTU = 68;
const LARGEST_MTU = 65535;

function readNumber(
  fields: VxlanFields,
  key: IntegerKey,
  low: number,
  high: number,
  fallback?: number,
): number {
  const value = fields.integer(key) ?? fallback;
  const advice = `give a number from ${low} to ${high}`;
  if (value === undefined) throw fields.invalid(key, "is missing", advice);
  if (value < low || value > high) throw fields.invalid(key, `is ${value}`, advice);
  return value;
}

function readInterface(fields: Fields, key: string): string | undefined {
  const name = fields.text(key) ?? "";
  if (name === "") return undefined;
  const fault = interfaceNameProblem(name);
  if (fault === undefined) return name;
  throw fields.invalid(key, `is not an interface name: ${quote(name)}`, fault);
}

const noFields = new Fields({});

function readUnderlay(fields: VxlanFields): VxlanConfig["underlay"] {
  const underlay = fields.object("underlay") ?? noFields;
  const text = underlay.text("local") ?? "";
  const local = parseIp(text);
  if (text !== "" && local === undefined) {
    const advice = "give an address of this node, or omit it";
    throw underlay.invalid("local", `is not an IP address: ${quote(text)}`, advice);
  }
  return { dev: readInterface(underlay, "dev"), local };
}

function readDf(fields: VxlanFields): number {
  const text = fields.text("df") ?? "unset";
  if (text in DontFragment) return DontFragment[text as keyof typeof DontFragment];
  throw fields.invalid("df", `is ${quote(text)}`, `known are: ${Object.keys(DontFragment).join(", ")}`);
}

function readSourcePorts(fields: VxlanFields): readonly [number, number] {
  const list = fields.list("srcPort");
  if (list === undefined) return DEFAULT_SOURCE_PORTS;
  const isPort = (value: unknown) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
  const [low, high] = list as number[];
  if (list.length === 2 && isPort(low) && isPort(high) && Number(low) <= Number(high))
    return [Number(low), Number(high)];
  const advice = "give the lowest and the highest UDP port, such as [49152, 65535]";
  throw fields.invalid("srcPort", `is not a range of ports: ${quote(list)}`, advice);
}

function readMtu(fields: VxlanFields): number | undefined {
  const mtu = fields.integer("mtu") ?? 0;
  return mtu === 0 ? undefined : readNumber(fields, "mtu", SMALLEST_MTU, LARGEST_MTU);
}

/** Keys that tell podwire's vxlan from other projects' plugins of that name, which have a `vni` and an `ipam` too. */
const ownKeys = ["mode", "underlay", "discovery", "l2", "l3"] as const;

function readMode(fields: VxlanFields): "l2" | "l3" {
  const mode = fields.text("mode");
  if (mode === "l2" || mode === "l3") return mode;
  const problem = mode === undefined ? "is missing" : `is ${quote(mode)}`;
  const meaning = `"l2" joins the pods of all nodes to one segment, "l3" routes between nodes`;
  const isForeign = ownKeys.every((key) => fields.value(key) === undefined);
  const other = "; without any of podwire's keys this may be for another project's plugin called vxlan";
  throw fields.invalid("mode", problem, isForeign ? `${meaning}${other}` : meaning);
}

/** Without learning, nodes of an l2 overlay know the pods of other nodes only by `macs`. */
function readLearning(fields: VxlanFields, mode: "l2" | "l3"): boolean {
  const learning = fields.boolean("learning") ?? mode === "l2";
  if (!learning || mode === "l2") return learning;
  throw fields.invalid(
    "learning",
    "is true in the mode l3",
    "remove the key: the mode l3 knows all addresses",
  );
}

/** With multicast alone the peers are unknown, so the guard has no list. */
function readGuard(fields: VxlanFields, l2: L2Config | undefined, discovery: Fields): VxlanConfig["guard"] {
  const hasPeers = l2?.flood !== "multicast" || discovery.first("peers") !== undefined;
  const guard = fields.boolean("guard");
  if (guard === false) return undefined;
  if (hasPeers) return "peers";
  if (guard === undefined) return "underlay";
  const advice = "list the peers, or omit the guard";
  throw fields.invalid("guard", "needs peers, and a multicast group names none", advice);
}

function validateNetworkCount(network: string, l3: L3Config | undefined): void {
  if (l3 === undefined || hasRoomFor({ network, l3 }, l3.networks)) return;
  const problem = `has ${l3.networks.length} networks, too many for the alias of the VXLAN device, which has 255 bytes`;
  const advice = "give fewer and larger ones, such as 10.0.0.0/8: each pod subnet must be inside of one";
  throw l3.fields.invalid("network", problem, advice);
}

function readPort(fields: Keyed<typeof vxlanKeys>): number {
  const port = readNumber(fields, "port", 1, 65535, DEFAULT_PORT);
  if (port !== DNS_PORT) return port;
  throw fields.invalid(
    "port",
    `is ${port}, the port of DNS`,
    `leave it out, which is ${DEFAULT_PORT}, on all nodes`,
  );
}

/** Reads the configuration without the peers. Throws codes 6 and 7. */
export function readVxlanConfig({ configuration }: Request): VxlanConfig {
  const { fields, name, ipamType } = configuration;
  const mode = readMode(fields);
  const vni = readNumber(fields, "vni", 0, HIGHEST_VNI);
  const underlay = readUnderlay(fields);
  const keys: VxlanFields = fields;
  const discovery = keys.object("discovery") ?? noFields;
  const l2 = mode === "l2" ? readL2(fields, underlay) : undefined;
  const l3 = mode === "l3" ? readL3(fields, ipamType) : undefined;
  validateNetworkCount(name, l3);
  const mac = keys.text("mac") ?? "auto";
  // The pod's, which ptp does not read: of a wrong type it is an error in both modes.
  configuration.runtimeConfig.text("mac");
  return {
    network: name,
    vni,
    port: readPort(fields),
    device: readInterface(fields, "device") ?? `vx${vni}`,
    underlay,
    mtu: readMtu(fields),
    mac: mac === "auto" ? undefined : readMac(fields, "mac", mac),
    ttl: readNumber(fields, "ttl", 0, 255, 0),
    df: readDf(fields),
    sourcePorts: readSourcePorts(fields),
    checksum: keys.boolean("udpCsum") ?? true,
    learning: readLearning(fields, mode),
    guard: readGuard(fields, l2, discovery),
    keepDevice: keys.boolean("keepDevice") ?? true,
    bridge: readInterface(fields, "bridge") ?? `br-vx${vni}`,
    l2,
    l3,
    discovery,
    fields,
  };
}
