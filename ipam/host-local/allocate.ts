/** Chooses an attachment's addresses: requested ones, its own of an earlier ADD, or the next free ones. */

import { describeNamespace, isAttached } from "../../shared/attachment/liveness.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { formatIp, type IpAddress, isSameIp, parseIp } from "../../shared/ip/address.ts";
import { exhausted } from "./exhaustion.ts";
import { isAllowed, type Range, type RangeSet, rangeOf } from "./range.ts";
import { type Owner, type OwnerRecord, placementOf, type Reservation } from "./records.ts";
import type { AddressRequest } from "./requests.ts";
import { isNamespaceGone, releaseGone, search } from "./search.ts";
import type { Store } from "./store.ts";

/** An address and its range. */
export interface Lease {
  readonly address: IpAddress;
  readonly range: Range;
}

export interface AllocationRequest {
  readonly owner: Owner;
  /** CNI_NETNS. */
  readonly netns: string;
  readonly requests: readonly AddressRequest[];
}

/** Takes one address of each range set. If it throws, it has released them. */
export function allocate(store: Store, allocation: AllocationRequest): Lease[] {
  const taken: Reservation[] = [];
  const reserve: Reserve = (name) => {
    const reservation = store.take(name, allocation.owner);
    if (reservation !== undefined) taken.push(reservation);
    return reservation !== undefined;
  };
  try {
    const before = store.find(allocation.owner);
    const leases: Lease[] = [];
    for (const request of allocation.requests) {
      const own = before === undefined ? undefined : ownOf(store, request, before, allocation.netns);
      leases.push(leaseOf(request.set, own ?? takeAny(store, request, reserve)));
    }
    finish(store, allocation, leases, before, taken);
    return leases;
  } catch (thrown) {
    store.release(taken);
    throw thrown;
  }
}

type Reserve = (name: string) => boolean;

function leaseOf(set: RangeSet, address: IpAddress): Lease {
  const range = rangeOf(set, address);
  if (range === undefined) throw new Error(`unreachable: ${formatIp(address)} is in no range of its set`);
  return { address, range };
}

/**
 * Returns the address that the owner holds of a set from an earlier ADD. That ADD was interrupted, or its interface is
 * gone, so ADD uses the address again. If the interface exists, the second ADD is an error.
 */
function ownOf(
  { network }: Store,
  { set, requested }: AddressRequest,
  before: OwnerRecord,
  netns: string,
): IpAddress | undefined {
  let own: IpAddress | undefined;
  for (const { name } of before.reservations) {
    const address = parseIp(name);
    if (address === undefined || rangeOf(set, address) === undefined) continue;
    if (isAttached(placementOf(network, before), name, netns)) throw duplicate(before, address);
    const fits = requested === undefined || isSameIp(address, requested);
    if (fits && isAllowed(set, address)) own ??= address;
  }
  return own;
}

function duplicate({ containerId, ifname }: Owner, address: IpAddress): CniError {
  return new CniError(
    ErrorCode.invalidEnvironment,
    `${formatIp(address)} has been allocated to ${containerId}, duplicate allocation is not allowed`,
    `CNI_CONTAINERID=${containerId} CNI_IFNAME=${ifname} is attached already: its interface has the address; run DEL before another ADD`,
  );
}

function takeAny(store: Store, request: AddressRequest, reserve: Reserve): IpAddress {
  return request.requested === undefined
    ? takeNext(store, request, reserve)
    : takeRequested(store, request.requested, reserve);
}

function takeNext(store: Store, { set, index }: AddressRequest, reserve: Reserve): IpAddress {
  const { folder } = store;
  const last = folder.lastReserved(index);
  let address = search(folder, set, last, reserve);
  if (address === undefined && releaseGone(store)) address = search(folder, set, last, reserve);
  if (address === undefined) throw exhausted(folder, set, index, ErrorCode.tryAgainLater);
  folder.setLastReserved(index, address, last);
  return address;
}

function takeRequested(store: Store, address: IpAddress, reserve: Reserve): IpAddress {
  const name = formatIp(address);
  if (reserve(name)) return address;
  const holder = store.ownerOf(name);
  const record = holder === undefined ? undefined : store.find(holder);
  if (record !== undefined && isNamespaceGone(store, record)) {
    store.releaseAll(record);
    if (reserve(name)) return address;
  }
  const whose = holder === undefined ? "" : ` by container ${holder.containerId} ${holder.ifname}`.trimEnd();
  throw new CniError(
    ErrorCode.tryAgainLater,
    `requested IP address ${name} is not available: it is reserved${whose}`,
    "request another address, or try again once the other attachment is deleted",
  );
}

/** Writes the owner's record, then releases earlier addresses that new ones replace. */
function finish(
  store: Store,
  { owner, netns, requests }: AllocationRequest,
  leases: readonly Lease[],
  before: OwnerRecord | undefined,
  taken: readonly Reservation[],
): void {
  const kept: Reservation[] = [];
  const replaced: Reservation[] = [];
  for (const reservation of before?.reservations ?? [])
    (isReplaced(reservation, requests, leases) ? replaced : kept).push(reservation);
  const record: OwnerRecord = { ...owner, boot: store.boot, reservations: [...kept, ...taken] };
  const namespace = describeNamespace(netns);
  store.save(namespace === undefined ? record : { ...record, namespace });
  store.release(replaced);
}

/** True if a range set has given another address in place of this one. */
function isReplaced(
  { name }: Reservation,
  requests: readonly AddressRequest[],
  leases: readonly Lease[],
): boolean {
  const address = parseIp(name);
  if (address === undefined || leases.some((lease) => isSameIp(lease.address, address))) return false;
  return requests.some(({ set }) => rangeOf(set, address) !== undefined);
}
