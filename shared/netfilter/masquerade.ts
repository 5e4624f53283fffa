/**
 * Masquerade: traffic of an attachment's addresses that leaves their own network gets the node's source address.
 * The one interface plugins use. A backend is an adaptor; what is asked of all of them goes to each in turn, so that
 * an attachment is cleaned up whatever its configuration says by then.
 */
import { runAll } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { IpAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { type Backend, backends, chooseBackend } from "./backend.ts";
import { withNetfilter, withNetfilterLeftOpen } from "./host.ts";
import { iptablesMasquerade } from "./iptables/masquerade.ts";
import type { Environment, Host, MasqueradeAdaptor } from "./masquerade-adaptor.ts";
import { nftablesMasquerade } from "./nftables/masquerade.ts";

const adaptors: Readonly<Record<Backend, MasqueradeAdaptor>> = {
  iptables: iptablesMasquerade,
  nftables: nftablesMasquerade,
};

export interface MasqueradeRequest {
  readonly owner: AttachmentKey;
  /** The attachment's addresses, each with the prefix length of its own network. */
  readonly addresses: readonly Cidr[];
  /** Networks that see the addresses themselves, of both families: traffic to them is not masqueraded. */
  readonly exceptions: readonly Cidr[];
  /** Undefined: as the node offers. */
  readonly backend: Backend | undefined;
  readonly environment: Environment;
  /** For the iptables backend: do without IP sets, as on a kernel that has none. */
  readonly withoutSets?: boolean;
}

export interface RemovalRequest {
  readonly owner: AttachmentKey;
  /**
   * All addresses of the owner, if the caller is sure that they are still its own, because it has just found them on
   * its living interface. Without them the sets of all attachments are searched: 1 ms per thousand.
   */
  readonly addresses?: readonly IpAddress[];
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

type Work = (adaptor: MasqueradeAdaptor, host: Host) => void;

function withBackend(request: MasqueradeRequest, work: Work): void {
  const { environment, withoutSets = false, backend = chooseBackend(environment) } = request;
  withNetfilter((connection) => work(adaptors[backend], { environment, withoutSets, connection }));
}

function withEachBackend(environment: Environment, work: Work): void {
  withNetfilterLeftOpen((connection) =>
    runAll(
      Object.values(adaptors).map(
        (adaptor) => () => work(adaptor, { environment, withoutSets: false, connection }),
      ),
    ),
  );
}

/** For the validation phase, and for STATUS: throws if ensureMasquerade could not work here. Changes nothing. */
export function prepareMasquerade(backend: Backend | undefined, environment: Environment): void {
  adaptors[backend ?? chooseBackend(environment)].prepare(environment);
}

/**
 * Masquerades the addresses. Repeated, it repairs what is missing; an address's earlier owner loses it. When it
 * throws, removeMasquerade takes back what was done.
 */
export function ensureMasquerade(request: MasqueradeRequest): void {
  const addresses = request.addresses.map(({ address }) => address);
  withBackend(request, (adaptor, host) => {
    // The earlier owner may be of a time when the backend was another.
    for (const other of Object.values(adaptors)) if (other !== adaptor) other.forget(host, addresses);
    adaptor.ensure(host, request);
  });
}

/** Removes everything of the owner, whichever backend made it; nothing there is fine. */
export function removeMasquerade(request: RemovalRequest): void {
  withEachBackend(request.environment, (adaptor, host) => adaptor.remove(host, request));
}

/**
 * Throws CniError if the addresses are not masqueraded for this owner. Without a configured backend any will do: what
 * the node offers may have changed since ADD.
 */
export function checkMasquerade(request: MasqueradeRequest): void {
  const chosen = request.backend ?? chooseBackend(request.environment);
  try {
    withBackend({ ...request, backend: chosen }, (adaptor, host) => adaptor.check(host, request));
  } catch (thrown) {
    const [other] = backends.filter((name) => name !== chosen);
    if (request.backend !== undefined || !isMasqueradedBy({ ...request, backend: other })) throw thrown;
  }
}

function isMasqueradedBy(request: MasqueradeRequest): boolean {
  try {
    withBackend(request, (adaptor, host) => adaptor.check(host, request));
    return true;
  } catch {
    return false;
  }
}

/** Removes what belongs to attachments of the network that are not in `keep`. */
export function collectMasquerade(request: CollectionRequest): void {
  withEachBackend(request.environment, (adaptor, host) => adaptor.collect(host, request));
}

/** For an attachment without masquerade: whatever an earlier, dead owner left at its addresses goes. */
export function forgetAddresses(addresses: readonly IpAddress[]): void {
  if (addresses.length === 0) return;
  withEachBackend({}, (adaptor, host) => adaptor.forget(host, addresses));
}
