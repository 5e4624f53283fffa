/** What a backend of masquerade does; masquerade.ts says what each call promises. */
import type { AttachmentKey } from "../cni/plugin.ts";
import type { IpAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";

export type Environment = Readonly<Record<string, string>>;

/** What an adaptor works with: a netfilter socket of the host, and where programs are. */
export interface Host {
  readonly connection: NetlinkConnection;
  readonly environment: Environment;
  /** For iptables: do without IP sets, as on a kernel that has none. */
  readonly withoutSets: boolean;
}

export interface Masqueraded {
  readonly owner: AttachmentKey;
  /** The attachment's addresses, each with the prefix length of its own network. */
  readonly addresses: readonly Cidr[];
  /** Networks that see the addresses themselves, of both families: traffic to them is not masqueraded. */
  readonly exceptions: readonly Cidr[];
}

export interface Removal {
  readonly owner: AttachmentKey;
  /** All addresses of the owner, where the caller is sure of them: they need not be looked for then. */
  readonly addresses?: readonly IpAddress[];
  /**
   * Whether the container has another interface on this network: what the reference plugins make is shared by
   * all of them and has to stay for it.
   */
  readonly hasSiblings: boolean;
}

export interface Collection {
  readonly network: string;
  readonly keep: readonly AttachmentKey[];
}

export interface MasqueradeAdaptor {
  /** Runs before anything is known about the attachment but its configuration; mostly needs no socket. */
  prepare(environment: Environment): void;
  ensure(host: Host, masqueraded: Masqueraded): void;
  check(host: Host, masqueraded: Masqueraded): void;
  remove(host: Host, removal: Removal): void;
  collect(host: Host, collection: Collection): void;
  forget(host: Host, addresses: readonly IpAddress[]): void;
}
