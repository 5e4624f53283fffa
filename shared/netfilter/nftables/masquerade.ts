/** Masquerade by nf_tables: masquerade-rules.ts tells how. One batch a call, no process. */
import { hostInterfaceName, networkText, ownerText } from "../../cni/attachment.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { formatIp, type IpAddress } from "../../ip/address.ts";
import type { Cidr } from "../../ip/cidr.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { withNetfilter } from "../host.ts";
import type { Collection, Host, MasqueradeAdaptor, Masqueraded, Removal } from "../masquerade-adaptor.ts";
import { areInOrder } from "./chain.ts";
import { deleteElements, type HeldElement, newElements } from "./element.ts";
import {
  addressData,
  addressesOf,
  addressKey,
  attachments,
  BASE_CHAIN,
  chainOf,
  chainsOf,
  fixedRules,
  type Profile,
  profileOf,
  setsOf,
} from "./masquerade-rules.ts";
import { deleteChain, deleteRule, flushChain, type HeldRule } from "./message.ts";
import { ownTable } from "./own-table.ts";
import { allElements, findElement, findElements, rulesOf } from "./question.ts";
import { deleteSet, interfaceKey } from "./set.ts";
import { retryCommit, tryWithoutCommit } from "./transaction.ts";

const attachmentKey = (owner: AttachmentKey) => [interfaceKey(hostInterfaceName(owner))];

function profilesOf({ addresses, exceptions }: Masqueraded): Profile[] {
  const all = addresses.map((cidr) => profileOf(cidr, exceptions));
  return all.filter((profile, index) => all.findIndex(({ set }) => set === profile.set) === index);
}

/** An address in a set. */
interface Entry {
  readonly set: string;
  readonly address: IpAddress;
  readonly held: HeldElement;
}

/** Where these addresses are: in which of the sets that the rules chain asks, one round trip. */
function findEntries(
  connection: NetlinkConnection,
  rules: readonly HeldRule[],
  addresses: readonly IpAddress[],
): Entry[] {
  const places = addresses.flatMap((address) =>
    setsOf(rules).flatMap(({ family, set }) => (family === address.family ? [{ set, address }] : [])),
  );
  if (places.length === 0) return [];
  const found = findElements(
    connection,
    ownTable,
    places.map(({ set, address }) => ({ set, key: addressKey(address) })),
  );
  return places.flatMap((place, index) => {
    const held = found[index];
    return held === undefined ? [] : [{ ...place, held }];
  });
}

function removeEntries(entries: readonly Entry[]): NetlinkMessage[] {
  return entries.map(({ set, address }) => deleteElements(ownTable, set, [addressKey(address)]));
}

/** What an attachment has: its own element, and its addresses in the sets. */
interface Holding {
  readonly attachment: HeldElement | undefined;
  readonly entries: readonly Entry[];
}

/** All of the owner. Without a list of its addresses (nft saves none) the sets are searched for its name. */
function findHolding(
  connection: NetlinkConnection,
  rules: readonly HeldRule[],
  owner: AttachmentKey,
): Holding {
  const attachment = findElement(connection, ownTable, attachments.name, attachmentKey(owner));
  if (attachment === undefined) return { attachment, entries: [] };
  const known = addressesOf(attachment);
  const entries =
    known === undefined ? searchEntries(connection, rules) : findEntries(connection, rules, known);
  return { attachment, entries: entries.filter(({ held }) => held.comment === ownerText(owner)) };
}

function searchEntries(connection: NetlinkConnection, rules: readonly HeldRule[]): Entry[] {
  return setsOf(rules).flatMap(({ family, set }) =>
    allElements(connection, ownTable, set).map((held) => ({
      set,
      held,
      address: { family, value: fromKey(held.key) },
    })),
  );
}

function fromKey(key: Uint8Array): bigint {
  let value = 0n;
  for (let at = 0; at < key.length; at++) value = (value << 8n) | BigInt(key[at] ?? 0);
  return value;
}

function removeHolding(owner: AttachmentKey, { attachment, entries }: Holding): NetlinkMessage[] {
  const removals = removeEntries(entries);
  if (attachment !== undefined)
    removals.push(deleteElements(ownTable, attachments.name, [attachmentKey(owner)]));
  return removals;
}

function prepare(): void {
  withNetfilter((connection) => {
    if (areInOrder(rulesOf(connection, ownTable), chainsOf([]))) return;
    const error = tryWithoutCommit(connection, fixedRules([], []));
    if (error === undefined) return;
    throw new CniError(
      ErrorCode.notAvailable,
      `masquerade by nftables does not work on this kernel: ${error.message}`,
      'load the modules nft_chain_nat and nft_masq (Linux 5.2 or newer), or install the package "iptables" and set "ipMasqBackend" to "iptables"',
      error,
    );
  });
}

function ensure({ connection }: Host, masqueraded: Masqueraded): void {
  const { owner, addresses, exceptions } = masqueraded;
  const profiles = profilesOf(masqueraded);
  retryCommit(connection, () => {
    const rules = rulesOf(connection, ownTable);
    const holding = findHolding(connection, rules, owner);
    const others = findEntries(
      connection,
      rules,
      addresses.map(({ address }) => address),
    ).filter(({ held }) => held.comment !== ownerText(owner));
    const fixed = areInOrder(rules, chainsOf(profiles)) ? [] : fixedRules(rules, profiles);
    // A removal costs a wait when the socket is closed, so there is none unless something is in the way.
    return [
      ...fixed,
      ...removeHolding(owner, holding),
      ...removeEntries(others),
      ...addOwner(owner, addresses, exceptions),
    ];
  });
}

function addOwner(
  owner: AttachmentKey,
  addresses: readonly Cidr[],
  exceptions: readonly Cidr[],
): NetlinkMessage[] {
  const comment = ownerText(owner);
  const element = { key: attachmentKey(owner), comment, extra: addressData(owner, addresses) };
  return [
    newElements(ownTable, attachments.name, [element]),
    ...addresses.map((cidr) =>
      newElements(ownTable, profileOf(cidr, exceptions).set, [{ key: addressKey(cidr.address), comment }]),
    ),
  ];
}

function check({ connection }: Host, masqueraded: Masqueraded): void {
  const { owner, addresses, exceptions } = masqueraded;
  const rules = rulesOf(connection, ownTable);
  if (!areInOrder(rules, chainsOf(profilesOf(masqueraded))))
    throw fault(owner, "rules of the table inet podwire are missing");
  const places = addresses.map((cidr) => ({
    set: profileOf(cidr, exceptions).set,
    key: addressKey(cidr.address),
  }));
  const found = findElements(connection, ownTable, places);
  const at = found.findIndex((held) => held?.comment !== ownerText(owner));
  const absent = addresses[at];
  if (absent !== undefined) {
    throw fault(
      owner,
      `${formatIp(absent.address)} is not in the set ${places[at]?.set} of the table inet podwire`,
    );
  }
}

function fault(owner: AttachmentKey, what: string): CniError {
  return new CniError(
    ErrorCode.internal,
    `${owner.ifname} of container ${owner.containerId} is not masqueraded: ${what}`,
    "somebody changed the packet filter (nft list table inet podwire shows it); the next ADD on this node brings the shared rules back",
  );
}

function remove({ connection }: Host, { owner }: Removal): void {
  retryCommit(connection, () => {
    const attachment = findElement(connection, ownTable, attachments.name, attachmentKey(owner));
    if (attachment === undefined) return [];
    const rules = rulesOf(connection, ownTable);
    return removeHolding(owner, findHolding(connection, rules, owner));
  });
}

function collect({ connection }: Host, { network, keep }: Collection): void {
  const kept = new Set(keep.map(ownerText));
  const isStale = ({ comment }: HeldElement) =>
    comment.startsWith(networkText(network)) && !kept.has(comment);
  retryCommit(connection, () => {
    const rules = rulesOf(connection, ownTable);
    const stale = allElements(connection, ownTable, attachments.name).filter(isStale);
    const entries = searchEntries(connection, rules);
    return [
      ...removeEntries(entries.filter(({ held }) => isStale(held))),
      ...stale.map(({ key }) => deleteElements(ownTable, attachments.name, [[key]])),
    ];
  });
  removeUnused(connection);
}

/** Takes out the networks that have no address any more, unless one gets some at this moment. */
function removeUnused(connection: NetlinkConnection): void {
  retryCommit(
    connection,
    () => {
      const rules = rulesOf(connection, ownTable);
      const unused = setsOf(rules).filter(({ set }) => allElements(connection, ownTable, set).length === 0);
      return unused.flatMap(({ set, rule }) => [
        deleteRule(ownTable, BASE_CHAIN, rule.handle),
        flushChain(ownTable, chainOf(set)),
        deleteChain(ownTable, chainOf(set)),
        deleteSet(ownTable, set),
      ]);
    },
    "as it was",
  );
}

function forget({ connection }: Host, addresses: readonly IpAddress[]): void {
  retryCommit(connection, () => {
    const rules = rulesOf(connection, ownTable);
    return removeEntries(findEntries(connection, rules, addresses));
  });
}

export const nftablesMasquerade: MasqueradeAdaptor = { prepare, ensure, check, remove, collect, forget };
