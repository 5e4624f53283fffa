/**
 * What one plugin wants of the packet filter for one attachment: the record. The rules in the kernel are computed from the
 * records and from nothing else. A record is JSON on disk (record-store.ts); this file is pure.
 */
import type { NamespaceRecord } from "../attachment/namespace-record.ts";
import { ownerComment } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { type Family, formatIp, type IpAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { sha512 } from "../system/hash.ts";
import type { Backend } from "./backend.ts";

/** Which plugin of the chain wrote a record: the one that makes the interface (bridge, ptp), portmap, or firewall. */
export type RecordKind = "interface" | "portmap" | "firewall";
export const recordKinds: readonly RecordKind[] = ["interface", "portmap", "firewall"];

/** IPPROTO_*: include/uapi/linux/in.h. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;
export type TransportProtocol = keyof typeof protocolNumbers;
export const transportProtocols: readonly TransportProtocol[] = ["tcp", "udp", "sctp"];

/** A port of the host, for one family. */
export interface HostPort {
  readonly protocol: TransportProtocol;
  readonly family: Family;
  /** Absent: any address of the family that is the host's. */
  readonly hostIp?: IpAddress;
  readonly hostPort: number;
}

/** A port of the host that leads to a port of the container: an element of CNI's portMappings, for one family. */
export interface PortMapping extends HostPort {
  readonly containerPort: number;
}

/** Words that must match beside the port, in the language of the record's backend, for each family. */
export type Conditions = Readonly<Record<Family, readonly string[]>>;

export interface HostPorts {
  /** The container's address, at most one a family, with the prefix length of its network. */
  readonly targets: readonly Cidr[];
  /** Only of families that have a target. */
  readonly mappings: readonly PortMapping[];
  /** Whether a client gets the node's address where answers would not come back through the node otherwise. */
  readonly snat: boolean;
  /** Whether every client gets the node's address. */
  readonly masqAll: boolean;
  /** The bit of the packet mark, 0 to 31, that marks packets to be masqueraded. */
  readonly markBit: number;
  /** iptables: a chain that sets a mark, in place of ours. */
  readonly externalSetMarkChain?: string;
  readonly conditions: Conditions;
  /** The host's interface for which podwire has switched route_localnet on. */
  readonly localhost?: string;
}

export const DEFAULT_MARK_BIT = 13;

export interface Masquerade {
  /** The attachment's addresses, each with the prefix length of its own network. */
  readonly addresses: readonly Cidr[];
  /** Networks of both families to which the addresses keep their source. */
  readonly exceptions: readonly Cidr[];
}

export interface SpoofCheck {
  /** The bridge port: the host's end of the veth pair. */
  readonly port: string;
  /** The one source MAC address that the port lets in, as "02:00:00:00:00:01". */
  readonly mac: string;
}

export const ingressPolicies = ["same-bridge", "isolated"] as const;
export type IngressPolicy = (typeof ingressPolicies)[number];

/** What may come in to the containers of a bridge. */
export interface Ingress {
  readonly bridge: string;
  /** "same-bridge": nothing from other bridges with a policy. "isolated": nothing from this bridge either. */
  readonly policy: IngressPolicy;
}

/** Traffic of the addresses of a record is forwarded, whatever the policy of the chain FORWARD says. */
export interface Firewall {
  /** Chains of iptables that are asked first. Without any, another program forwards the traffic: firewalld. */
  readonly admins: readonly string[];
  readonly ingress: readonly Ingress[];
  /** The zone of firewalld that has the addresses as its sources. */
  readonly zone?: string;
}

export const DEFAULT_ADMIN = "CNI-ADMIN";

export interface FilterRecord {
  readonly owner: AttachmentKey;
  readonly kind: RecordKind;
  /** Of masquerade, hostPorts and firewall. The spoof check is nftables always: iptables does not see bridged frames. */
  readonly backend: Backend;
  /** The container's network namespace; absent if it is not known. */
  readonly namespace?: NamespaceRecord;
  /** All addresses of the attachment: an earlier record that has one of them is of a container that is gone. */
  readonly addresses?: readonly Cidr[];
  readonly masquerade?: Masquerade;
  readonly spoofCheck?: SpoofCheck;
  readonly hostPorts?: HostPorts;
  /** For all of `addresses`. */
  readonly firewall?: Firewall;
}

/**
 * The file name of a record. It is made of the owner as comments in the kernel have it, where a long name is cut, so that
 * it can be made of such a comment too.
 */
export function recordName(owner: AttachmentKey, kind: RecordKind): string {
  return `${sha512(ownerComment(owner)).slice(0, 32)}.${kind}`;
}

/** Whether two records are of one owner and plugin. */
export const isSameRecord = (one: FilterRecord, other: FilterRecord): boolean =>
  one.kind === other.kind && ownerComment(one.owner) === ownerComment(other.owner);

/** A port's name, by which no two may be the same: "tcp port 80 of 192.0.2.1". */
export function describePort({ protocol, hostPort, hostIp, family }: HostPort): string {
  const where = hostIp === undefined ? `all IPv${family} addresses` : formatIp(hostIp);
  return `${protocol} port ${hostPort} of ${where}`;
}

/** The target that a mapping leads to. */
export const targetOf = ({ targets }: Pick<HostPorts, "targets">, { family }: HostPort): Cidr | undefined =>
  targets.find(({ address }) => address.family === family);
