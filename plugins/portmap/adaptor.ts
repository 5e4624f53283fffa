/** What a backend of portmap does: the rules of one attachment, in one of the kernel's two packet filters. */
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import type { Family, IpAddress } from "../../shared/ip/address.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";

export type TransportProtocol = "tcp" | "udp" | "sctp";

/** A port of the host, for one family. */
export interface HostPort {
  readonly protocol: TransportProtocol;
  readonly family: Family;
  /** Absent: any address of the family that is the host's. */
  readonly hostIp?: IpAddress;
  readonly hostPort: number;
}

/** A port of the host that leads to a port of the container. */
export interface Mapping extends HostPort {
  readonly containerPort: number;
}

/** A port as the kernel has it, whatever is recorded. */
export interface HeldPort extends HostPort {
  /** In the words of its comment, where a long name is cut. */
  readonly owner: AttachmentKey;
  /** Whether `remove` finds all that is the owner's by these words. */
  readonly isRemovable: boolean;
  /** Whether the port leads to the address. May ask the kernel. */
  readonly leadsTo: (address: IpAddress) => boolean;
}

/** What one attachment has forwarded to it. */
export interface Forwarding {
  readonly owner: AttachmentKey;
  /** The container's address, at most one a family, with the prefix length of its network. */
  readonly targets: readonly Cidr[];
  /** Only of families that have a target. */
  readonly mappings: readonly Mapping[];
  /** Whether traffic gets the node's source address where it would not come back otherwise. */
  readonly snat: boolean;
  /** The same for all traffic to the ports. */
  readonly masqAll: boolean;
  /** The bit of the packet mark, 0 to 31, that marks what is to be masqueraded. */
  readonly markBit: number;
  /** For iptables: a chain of somebody else that sets a mark, jumped to instead of setting ours. */
  readonly externalSetMarkChain?: string;
  /** Matches of a backend's own language that must hold for a packet to be forwarded, as they were configured. */
  readonly conditions: { readonly 4: readonly string[]; readonly 6: readonly string[] };
}

/** What an adaptor works with: a netfilter socket of the host, and where programs are. */
export interface PortmapHost {
  readonly connection: NetlinkConnection;
  readonly environment: Readonly<Record<string, string>>;
}

export interface PortmapAdaptor {
  /** Throws what would keep `ensure` from working. Changes nothing. */
  prepare(host: PortmapHost, forwarding: Forwarding): void;
  /**
   * Puts the rules in place; they replace what the owner had, which is `former` as it was recorded. Returns whether there were no rules of any attachment, so that
   * those of others may be lost: somebody has emptied the packet filter.
   */
  ensure(host: PortmapHost, forwarding: Forwarding, former?: Forwarding): boolean;
  /** Throws if a rule is missing or is not as `ensure` makes it. */
  check(host: PortmapHost, forwarding: Forwarding): void;
  /**
   * Removes all that is the owner's. `forwarding` is what was recorded at ADD; without a record everything is found by
   * the owner alone, which takes the longer the more ports there are.
   */
  remove(host: PortmapHost, owner: AttachmentKey, forwarding: Forwarding | undefined): void;
  /** All ports that the kernel has of ours: for when the records do not tell. Takes the longer the more there are. */
  held(host: PortmapHost): HeldPort[];
  /** Removes what the reference plugin made for the owner's container. */
  removeReference(host: PortmapHost, owner: AttachmentKey): void;
  /** Removes what belongs to the network and to none of `keep`. */
  collect(host: PortmapHost, network: string, keep: readonly AttachmentKey[]): void;
  /**
   * Removes what was made for values of the configuration that none of `used` has, all that is recorded for this backend.
   * No other process may record anything meanwhile.
   */
  collectUnused(host: PortmapHost, used: readonly Forwarding[]): void;
}
