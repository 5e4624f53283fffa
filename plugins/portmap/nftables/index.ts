/** Host ports by nf_tables: rules.ts tells how. One batch a call, no process. */
import { isOfNetwork, ownerComment } from "../../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import {
  deleteElements,
  deleteKeys,
  type HeldElement,
  joinFields,
  newElements,
} from "../../../shared/netfilter/nftables/element.ts";
import { describeFault } from "../../../shared/netfilter/nftables/in-place.ts";
import { ensureRules, refuseUnable, type Subject } from "../../../shared/netfilter/nftables/mend.ts";
import { ownTable } from "../../../shared/netfilter/nftables/own-table.ts";
import { allElements, findElements, rulesOf } from "../../../shared/netfilter/nftables/question.ts";
import { retryCommit } from "../../../shared/netfilter/nftables/transaction.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import type { Forwarding, PortmapAdaptor, PortmapHost } from "../adaptor.ts";
import { checkLocalhost, localhostTarget, routeLocalhost } from "../localhost.ts";
import { allSets, elementsOf, type PlacedElement } from "./elements.ts";
import { heldPorts } from "./held.ts";
import { suffixesOf } from "./profile.ts";
import { removeReferenceRules } from "./reference.ts";
import { chainsOf, fixedRules } from "./rules.ts";
import { removeUnused } from "./unused.ts";

interface FoundElement extends PlacedElement {
  readonly held: HeldElement | undefined;
}

/** The elements beside what the kernel has in their places: one round trip. */
function lookUp(connection: NetlinkConnection, wanted: readonly PlacedElement[]): FoundElement[] {
  const places = wanted.map(({ set, element }) => ({ set, key: element.key }));
  const found = findElements(connection, ownTable, places);
  return wanted.map((placed, at) => ({ ...placed, held: found[at] }));
}

const sameBytes = (one: Uint8Array, other: Uint8Array) => String(one) === String(other);

/** Whether the kernel has the element as it should be: the owner's, and leading to the same place. */
function isRight({ element, held }: FoundElement): boolean {
  if (held === undefined || held.comment !== element.comment) return false;
  return element.value === undefined || sameBytes(held.value, joinFields(element.value));
}

/** By set: few messages, whatever the number of elements. */
function bySet<Item extends { readonly set: string }>(
  items: readonly Item[],
  messages: (set: string, items: readonly Item[]) => NetlinkMessage[],
): NetlinkMessage[] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(item.set);
    if (group === undefined) groups.set(item.set, [item]);
    else group.push(item);
  }
  return [...groups].flatMap(([set, group]) => messages(set, group));
}

const add = (placed: readonly PlacedElement[]) =>
  bySet(placed, (set, group) =>
    newElements(
      ownTable,
      set,
      group.map(({ element }) => element),
    ),
  );

const remove = (placed: readonly PlacedElement[]) =>
  bySet(placed, (set, group) =>
    deleteElements(
      ownTable,
      set,
      group.map(({ element }) => element.key),
    ),
  );

function rulesFor(forwarding: Forwarding): Subject {
  return {
    what: "host ports",
    advice:
      'load the modules nft_chain_nat, nft_nat, nft_masq and nft_fib_inet (Linux 5.2 or newer), or install the package "iptables" and set "backend" to "iptables"',
    chains: chainsOf(forwarding),
    mend: (held) => fixedRules(held, forwarding),
  };
}

const placeOf = ({ set, element }: PlacedElement) => `${set} ${String(joinFields(element.key))}`;

/** The elements of a former forwarding that the present one does not have. */
function leftOf(former: Forwarding, forwarding: Forwarding): PlacedElement[] {
  const kept = new Set(elementsOf(forwarding).map(placeOf));
  return elementsOf(former).filter((placed) => !kept.has(placeOf(placed)));
}

function ensure({ connection }: PortmapHost, forwarding: Forwarding, former?: Forwarding): boolean {
  const held = rulesOf(connection, ownTable);
  const wasEmpty = suffixesOf(held).length === 0;
  ensureRules(connection, rulesFor(forwarding), held);
  retryCommit(connection, () => {
    const others = former === undefined ? [] : leftOf(former, forwarding);
    const wrong = lookUp(connection, elementsOf(forwarding)).filter((found) => !isRight(found));
    return [
      ...removeOwn(connection, others),
      ...remove(wrong.filter(({ held }) => held !== undefined)),
      ...add(wrong),
    ];
  });
  // After the rule that keeps neighbours away from there.
  const local = localhostTarget(forwarding);
  if (local !== undefined) routeLocalhost(local);
  return wasEmpty;
}

function drift(owner: AttachmentKey, what: string): CniError {
  return new CniError(
    ErrorCode.internal,
    `host ports of ${owner.ifname} of container ${owner.containerId}: ${what}`,
    "somebody changed the packet filter (nft list table inet podwire shows it); recreate the container",
  );
}

function check({ connection }: PortmapHost, forwarding: Forwarding): void {
  const { owner } = forwarding;
  const disorder = describeFault(connection, chainsOf(forwarding));
  if (disorder !== undefined) throw drift(owner, `${disorder} in the table inet podwire`);
  const wrong = lookUp(connection, elementsOf(forwarding)).find((found) => !isRight(found));
  if (wrong === undefined) {
    const local = localhostTarget(forwarding);
    if (local !== undefined) checkLocalhost(local);
    return;
  }
  const problem = wrong.held === undefined ? "is missing in" : "leads elsewhere, or is another's, in";
  throw drift(owner, `${wrong.what} ${problem} ${wrong.set} of the table inet podwire`);
}

/** Everything whose owner's name is so: all sets are searched. */
function search(connection: NetlinkConnection, isMeant: (comment: string) => boolean): NetlinkMessage[] {
  const rules = rulesOf(connection, ownTable);
  return allSets(suffixesOf(rules)).flatMap((set) =>
    deleteKeys(
      ownTable,
      set,
      allElements(connection, ownTable, set)
        .filter(({ comment }) => isMeant(comment))
        .map(({ key }) => key),
    ),
  );
}

/** Removes those of the elements that are still their owner's. */
function removeOwn(connection: NetlinkConnection, elements: readonly PlacedElement[]): NetlinkMessage[] {
  return remove(
    lookUp(connection, elements).filter(({ element, held }) => held?.comment === element.comment),
  );
}

function removeOwner(
  { connection }: PortmapHost,
  owner: AttachmentKey,
  forwarding: Forwarding | undefined,
): void {
  retryCommit(connection, () => {
    if (forwarding !== undefined) return removeOwn(connection, elementsOf(forwarding));
    const text = ownerComment(owner);
    return search(connection, (comment) => comment === text);
  });
}

function removeReference({ connection }: PortmapHost, owner: AttachmentKey): void {
  retryCommit(connection, () => removeReferenceRules(connection, owner));
}

function collect({ connection }: PortmapHost, network: string, keep: readonly AttachmentKey[]): void {
  const kept = new Set(keep.map(ownerComment));
  const isStale = (comment: string) => isOfNetwork(comment, network) && !kept.has(comment);
  retryCommit(connection, () => search(connection, isStale), "as it was");
}

function collectUnused({ connection }: PortmapHost, used: readonly Forwarding[]): void {
  retryCommit(connection, () => removeUnused(connection, used), "as it was");
}

function prepare({ connection }: PortmapHost, forwarding: Forwarding): void {
  refuseUnable(connection, rulesFor(forwarding));
}

export const nftablesAdaptor: PortmapAdaptor = {
  prepare,
  ensure,
  check,
  remove: removeOwner,
  held: ({ connection }) => heldPorts(connection),
  removeReference,
  collect,
  collectUnused,
};
