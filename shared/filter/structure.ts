/**
 * What our tables consist of, as data. Pure.
 *
 * A group is what attachments share: for masquerade, the containers of one network and subnet. It has a set, whose elements are
 * the attachments', and the rules that look into the set. The structure of some groups begins with the structure of the
 * first of them: a further group only appends sets, chains, and rules to chains.
 */
import type { Family } from "../ip/address.ts";
import { NetfilterFamily } from "../netlink/netfilter.ts";
import type { Element } from "../nftables/element.ts";
import type { Hook, Rule, Table } from "../nftables/message.ts";
import { type DataType, dataTypes, type SetSpecification } from "../nftables/set.ts";
import type { Conditions, FilterRecord, Ingress } from "./record.ts";

/** NAT and filtering of IP packets. */
export const inetTable: Table = { family: NetfilterFamily.inet, name: "podwire" };
/** Filtering of bridged frames. */
export const bridgeTable: Table = { family: NetfilterFamily.bridge, name: "podwire" };

/** What the tables say of themselves. */
export const tableComments = new Map<Table, string>([
  [inetTable, "podwire: what containers want of the packet filter; changes are overwritten"],
  [bridgeTable, "podwire: MAC addresses of bridge ports; changes are overwritten"],
]);

/** Where base chains of NAT see packets: include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities. */
export const natHooks = {
  prerouting: { type: "nat", number: 0, priority: -100 },
  output: { type: "nat", number: 3, priority: -100 },
  postrouting: { type: "nat", number: 4, priority: 100 },
} as const satisfies Record<string, Hook>;

/**
 * The bit of the mark on packets between the two chains. Others take 0x2000 (host ports), 0x4000 and 0x8000 (Kubernetes), 0xf00 (Cilium),
 * all from 0x10000 on (Calico, Tailscale).
 */
export const ACCEPTED_BIT = 12;

/** Containers of one subnet that leave with the node's address. */
export interface MasqueradeGroup {
  readonly kind: "masquerade";
  readonly family: Family;
  readonly network: string;
  /** Networks to which addresses keep their source: the containers' own subnet first, unless their address stands alone. */
  readonly unchanged: readonly string[];
  readonly isSingle: boolean;
}

/** Host ports that are looked up alike. */
export interface PortGroup {
  readonly kind: "ports";
  readonly markBit: number;
  readonly conditions: Conditions;
}

/** Containers whose host ports some clients reach with the node's address. */
export interface HairpinGroup {
  readonly kind: "hairpin";
  readonly family: Family;
  readonly network: string;
  readonly subnet: string;
  readonly markBit: number;
  /** Which clients get the node's address: none, those in the subnet and on localhost, or all. */
  readonly clients: "none" | "subnet" | "all";
}

/** Bridge ports with one source MAC address each. */
export interface SpoofGroup {
  readonly kind: "spoof";
}

/** Containers of a network whose traffic is forwarded. */
export interface FirewallGroup {
  readonly kind: "firewall";
  readonly family: Family;
  readonly network: string;
}

/** A chain of iptables that is asked before anything is accepted (forward-gate.ts). */
export interface AdminGroup {
  readonly kind: "admin";
  readonly family: Family;
  readonly chain: string;
}

/** Bridges with a policy for what comes in. */
export interface IngressGroup extends Ingress {
  readonly kind: "ingress";
}

/** Plain data: a group is kept as JSON in the state. */
export type Group =
  | MasqueradeGroup
  | PortGroup
  | HairpinGroup
  | SpoofGroup
  | FirewallGroup
  | AdminGroup
  | IngressGroup;

export interface PlacedSet extends SetSpecification {
  readonly table: Table;
}

export interface Chain {
  readonly table: Table;
  readonly name: string;
  /** Absent: other chains jump here. */
  readonly hook?: Hook;
  readonly rules: readonly Rule[];
}

export interface Structure {
  readonly sets: readonly PlacedSet[];
  readonly chains: readonly Chain[];
}

export interface PlacedElement {
  readonly table: Table;
  readonly set: string;
  readonly element: Element & { readonly comment: string };
  /** In words, for errors. */
  readonly what: string;
}

/** What one use of the packet filter makes of records. */
export interface Feature {
  readonly kind: Group["kind"];
  /** In words, for errors. */
  readonly name: string;
  /** The kernel modules it needs, and what to do without them. */
  readonly advice: string;
  groupsOf(record: FilterRecord): Group[];
  elementsOf(record: FilterRecord): PlacedElement[];
  /** The structure of groups of this kind; none without groups. */
  structureOf(groups: readonly Group[]): Structure;
}

/** What a group is known by. */
export const groupName = (group: Group): string => JSON.stringify(group);

/** The bytes of a sentinel's field. No packet has them: all ones is no source or target address, 0 no port, lo no bridge port. */
function sentinelField(type: DataType): Uint8Array {
  const bytes = new Uint8Array(type.length);
  if (type === dataTypes.ipv4Address || type === dataTypes.ipv6Address) return bytes.fill(0xff);
  if (type === dataTypes.transportProtocol) return bytes.fill(6);
  if (type === dataTypes.interfaceName) bytes.set([0x6c, 0x6f]);
  return bytes;
}

/** An element that every set of ours has: it is gone where the set was emptied. */
export function sentinelOf(set: SetSpecification): Element & { readonly comment: string } {
  const value = set.value?.map((type) => new Uint8Array(type.length));
  return {
    key: set.key.map(sentinelField),
    ...(value === undefined ? {} : { value }),
    comment: "podwire: missing where the set was emptied",
  };
}
