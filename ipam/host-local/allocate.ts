/** Which addresses an attachment gets: requested ones, its own from before, or the next free. */

import { describeNamespace, isAttached } from "../../shared/attachment/liveness.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { formatIp, type IpAddress, isSameIp, parseIp } from "../../shared/ip/address.ts";
import { exhausted } from "./exhaustion.ts";
import { isAllowed, type Range, type RangeSet, rangeOf } from "./range.ts";
import type { Held, Owner, OwnerRecord } from "./records.ts";
import type { Wish } from "./requests.ts";
import { freeGone, hasGone, search } from "./search.ts";
import type { Store } from "./store.ts";

/** An address, and the range it is from. */
export interface Lease {
  readonly address: IpAddress;
  readonly range: Range;
}

export interface Order {
  readonly owner: Owner;
  /** CNI_NETNS. */
  readonly netns: string;
  readonly wishes: readonly Wish[];
}

/** Takes one address of every range set. When it throws, it has released what it took. */
export function allocate(store: Store, order: Order): Lease[] {
  const taken: Held[] = [];
  const reserve: Reserve = (name) => {
    const held = store.take(name, order.owner);
    if (held !== undefined) taken.push(held);
    return held !== undefined;
  };
  try {
    const before = store.find(order.owner);
    const leases: Lease[] = [];
    for (const wish of order.wishes) {
      const own = before === undefined ? undefined : ownOf(wish, before, order.netns);
      leases.push(leaseOf(wish.set, own ?? takeAny(store, wish, reserve)));
    }
    finish(store, order, leases, before, taken);
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
 * What the owner holds of a set from an earlier ADD that did not come to its end, or whose interface is gone: that it
 * gets back. With the interface in place, the ADD is a mistake.
 */
function ownOf({ set, requested }: Wish, before: OwnerRecord, netns: string): IpAddress | undefined {
  let own: IpAddress | undefined;
  for (const { name } of before.held) {
    const address = parseIp(name);
    if (address === undefined || rangeOf(set, address) === undefined) continue;
    if (isAttached(before, name, netns)) throw duplicate(before, address);
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

function takeAny(store: Store, wish: Wish, reserve: Reserve): IpAddress {
  return wish.requested === undefined
    ? takeNext(store, wish, reserve)
    : takeRequested(store, wish.requested, reserve);
}

function takeNext(store: Store, { set, index }: Wish, reserve: Reserve): IpAddress {
  const { folder } = store;
  const last = folder.lastReserved(index);
  let address = search(folder, set, last, reserve);
  if (address === undefined && freeGone(store)) address = search(folder, set, last, reserve);
  if (address === undefined) throw exhausted(folder, set, index, ErrorCode.tryAgainLater);
  folder.setLastReserved(index, address, last);
  return address;
}

function takeRequested(store: Store, address: IpAddress, reserve: Reserve): IpAddress {
  const name = formatIp(address);
  if (reserve(name)) return address;
  const holder = store.holderOf(name);
  const record = holder === undefined ? undefined : store.find(holder);
  if (record !== undefined && hasGone(record)) {
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

/** Writes the owner's record, then gives back the owner's earlier addresses that others have taken the place of. */
function finish(
  store: Store,
  { owner, netns, wishes }: Order,
  leases: readonly Lease[],
  before: OwnerRecord | undefined,
  taken: readonly Held[],
): void {
  const kept: Held[] = [];
  const replaced: Held[] = [];
  for (const held of before?.held ?? []) (isReplaced(held, wishes, leases) ? replaced : kept).push(held);
  const record: OwnerRecord = { ...owner, boot: store.boot, held: [...kept, ...taken] };
  const namespace = describeNamespace(netns);
  store.save(namespace === undefined ? record : { ...record, namespace });
  store.release(replaced);
}

/** Whether an earlier address is of a range set that has given another one now. */
function isReplaced({ name }: Held, wishes: readonly Wish[], leases: readonly Lease[]): boolean {
  const address = parseIp(name);
  if (address === undefined || leases.some((lease) => isSameIp(lease.address, address))) return false;
  return wishes.some(({ set }) => rangeOf(set, address) !== undefined);
}
