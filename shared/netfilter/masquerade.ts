/**
 * Masquerade: traffic of an attachment's addresses that leaves their own network gets the node's source address.
 * The one interface plugins use; how it is done is the backend's business.
 */
import type { AttachmentKey } from "../cni/plugin.ts";
import type { IpAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";

export type MasqueradeBackend = "iptables";

type Environment = Readonly<Record<string, string>>;

export interface MasqueradeRequest {
  readonly owner: AttachmentKey;
  /** The attachment's addresses, each with the prefix length of its own network. */
  readonly addresses: readonly Cidr[];
  readonly backend: MasqueradeBackend;
  readonly environment: Environment;
}

export interface RemovalRequest {
  readonly owner: AttachmentKey;
  /**
   * Whether the container has another interface on this network: what the reference plugins make is shared by
   * all of them and has to stay for it.
   */
  readonly hasSiblings: boolean;
  readonly environment: Environment;
}

export interface CollectionRequest {
  readonly network: string;
  readonly keep: readonly AttachmentKey[];
  readonly environment: Environment;
}

/** For the validation phase, and for STATUS: throws if ensureMasquerade could not work here. Changes nothing. */
export function prepareMasquerade(_backend: MasqueradeBackend, _environment: Environment): void {}

/** Masquerades the addresses. Repeated, it repairs what is missing; an address's earlier owner loses it. */
export function ensureMasquerade(_request: MasqueradeRequest): void {}

/** Removes everything of the owner, whichever backend made it; nothing there is fine. */
export function removeMasquerade(_request: RemovalRequest): void {}

/** Throws CniError if the addresses are not masqueraded for this owner. */
export function checkMasquerade(_request: MasqueradeRequest): void {}

/** Removes what belongs to attachments of the network that are not in `keep`. */
export function collectMasquerade(_request: CollectionRequest): void {}

/** For an attachment without masquerade: whatever an earlier, dead owner left at its addresses goes. */
export function forgetAddresses(_addresses: readonly IpAddress[]): void {}
