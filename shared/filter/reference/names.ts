/**
 * How the reference plugins name what they make in the packet filter. Sources: pkg/ip/ipmasq_*.go, plugins/meta/portmap and
 * pkg/link/spoofcheck.go of github.com/containernetworking/plugins 1.9.
 */
import type { AttachmentKey } from "../../cni/plugin.ts";
import { NetfilterFamily } from "../../netlink/netfilter.ts";
import type { Table } from "../../nftables/message.ts";
import type { ChainPlace } from "../../nftables/remove-chains.ts";
import { sha512 } from "../../system/hash.ts";
import { hostPorts, masquerading, type Purpose } from "../iptables/restore.ts";
import type { RecordKind } from "../record.ts";

/** The plugins with a chain for each container; the firewall has rules in one chain (forward.ts). */
export type NatKind = Exclude<RecordKind, "firewall">;

/** The iptables chains of one plugin: a chain for all interfaces of a container on a network. */
export interface NatChains {
  readonly purpose: Purpose;
  /** The chain that jumps to them. */
  readonly base: string;
  readonly pattern: RegExp;
  readonly nameOf: (owner: AttachmentKey) => string;
  /** How the comments of a network's jumps begin. */
  readonly commentOf: (network: string) => string;
}

export const natChains: Readonly<Record<NatKind, NatChains>> = {
  interface: {
    purpose: masquerading,
    base: "POSTROUTING",
    pattern: /CNI-[0-9a-f]{24}/,
    nameOf: ({ network, containerId }) => `CNI-${sha512(network + containerId).slice(0, 24)}`,
    commentOf: (network) => `name: "${network}" id: "`,
  },
  portmap: {
    purpose: hostPorts,
    base: "CNI-HOSTPORT-DNAT",
    pattern: /CNI-DN-[0-9a-f]{21}/,
    nameOf: ({ network, containerId }) => `CNI-DN-${sha512(network + containerId).slice(0, 21)}`,
    commentOf: (network) => `dnat name: "${network}" id: "`,
  },
};

/** Where the nftables backend of a plugin has its rules. A chain that is there says that the table is. */
export interface RuleTable {
  readonly table: Table;
  readonly chain: string;
  /** How the comments of an attachment's rules begin. */
  readonly commentOf: (owner: AttachmentKey) => string;
}

const networkHash = (network: string): string => `${sha512(network).slice(0, 16)}-`;

const masqueradeTable: RuleTable = {
  table: { family: NetfilterFamily.inet, name: "cni_plugins_masquerade" },
  chain: "masq_checks",
  commentOf: ({ network, containerId, ifname }) =>
    `${networkHash(network)}${sha512(`${ifname}:${containerId}`).slice(0, 16)}`,
};

/** What a comment has of commentOf: the rest is for people, and may be cut. */
export const ownerPart = (comment: string): string => comment.split(",", 1)[0] ?? "";

/** How the comments of a network's masquerade rules begin. The rules of host ports name the container alone. */
export const masqueradeComments = networkHash;

export const ruleTables: Readonly<Record<NatKind, readonly RuleTable[]>> = {
  interface: [masqueradeTable],
  portmap: [NetfilterFamily.ipv4, NetfilterFamily.ipv6].map((family) => ({
    table: { family, name: "cni_hostport" },
    chain: "hostports",
    commentOf: ({ containerId }) => containerId,
  })),
};

/** The chains of the spoof check of an attachment. */
export function spoofChains({ containerId, ifname }: AttachmentKey): ChainPlace[] {
  const table = { family: NetfilterFamily.bridge, name: "nat" };
  const chain = `cni-br-iface-${containerId}-${ifname}`;
  return [chain, `${chain}-mac`].map((name) => ({ table, bases: ["PREROUTING"], chain: name }));
}
