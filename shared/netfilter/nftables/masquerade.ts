/** Masquerade by nf_tables: masquerade-rules.ts tells how. One batch a call, no process. */
import { masqueradedIn, ownerIn } from "../../cni/alias.ts";
import { hostInterfaceName, isOfNetwork, ownerComment } from "../../cni/attachment.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { formatIp, type IpAddress } from "../../ip/address.ts";
import type { Cidr } from "../../ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../netlink/connection.ts";
import { listLinks } from "../../netlink/link.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { withNetfilter } from "../host.ts";
import type { Collection, Host, MasqueradeAdaptor, Masqueraded, Removal } from "../masquerade-adaptor.ts";
import { deleteKeys, type HeldElement, newElements } from "./element.ts";
import { allEntries, type Entry, findEntries, heldSets, removeEntries } from "./entries.ts";
import { areInPlace, describeFault } from "./in-place.ts";
import {
  type AddressSet,
  addressData,
  addressesOf,
  addressKey,
  attachments,
  chainsOf,
  fixedRules,
  type Profile,
  profileOf,
} from "./masquerade-rules.ts";
import { ensureRules, refuseUnable, type Subject } from "./mend.ts";
import { ownTable } from "./own-table.ts";
import { allElements, findElement, findElements, rulesOf } from "./question.ts";
import { interfaceKey } from "./set.ts";
import { retryCommit } from "./transaction.ts";
import { removeUnusedSet } from "./unused-set.ts";

const attachmentKey = (owner: AttachmentKey) => [interfaceKey(hostInterfaceName(owner))];

function profilesOf({ addresses, exceptions }: Masqueraded): Profile[] {
  const all = addresses.map((cidr) => profileOf(cidr, exceptions));
  return all.filter((profile, index) => all.findIndex(({ set }) => set === profile.set) === index);
}

/** What an attachment has: its own element, and its addresses in the sets. */
interface Holding {
  readonly attachment: HeldElement | undefined;
  readonly entries: readonly Entry[];
}

/** All of the owner. Without a list of its addresses (nft saves none) the sets are searched for its name. */
function findHolding(
  connection: NetlinkConnection,
  sets: readonly AddressSet[],
  owner: AttachmentKey,
): Holding {
  const attachment = findElement(connection, ownTable, attachments.name, attachmentKey(owner));
  if (attachment === undefined) return { attachment, entries: [] };
  const known = addressesOf(attachment);
  const entries = known === undefined ? allEntries(connection, sets) : findEntries(connection, sets, known);
  return { attachment, entries: entries.filter(({ held }) => held.comment === ownerComment(owner)) };
}

function removeHolding({ attachment, entries }: Holding): NetlinkMessage[] {
  const removals = removeEntries(entries);
  return attachment === undefined
    ? removals
    : [...removals, ...deleteKeys(ownTable, attachments.name, [attachment.key])];
}

/** A network to try the rules with. */
const sample: Masqueraded = {
  owner: { network: "", containerId: "", ifname: "" },
  addresses: [{ address: { family: 4, value: 0xc0000201n }, prefixLength: 24 }],
  exceptions: [],
};

function rulesFor(profiles: readonly Profile[]): Subject {
  return {
    what: "masquerade",
    advice:
      'load the modules nft_chain_nat and nft_masq (Linux 5.2 or newer), or install the package "iptables" and set "ipMasqBackend" to "iptables"',
    chains: chainsOf(profiles),
    mend: (held) => fixedRules(held, profiles),
  };
}

function prepare(): void {
  withNetfilter((connection) => {
    if (areInPlace(connection, rulesOf(connection, ownTable), chainsOf([]))) return;
    refuseUnable(connection, rulesFor(profilesOf(sample)));
  });
}

/** The owner's addresses as ADD has them, from the alias of its interface. */
function attachedOf(network: string, exceptions: readonly Cidr[]): Masqueraded[] {
  const host = new NetlinkConnection(Protocol.route);
  try {
    return listLinks(host).flatMap(({ alias }) => {
      const owner = ownerIn(alias, network);
      const addresses = owner === undefined ? [] : (masqueradedIn(alias) ?? []);
      return owner === undefined || addresses.length === 0 ? [] : [{ owner, addresses, exceptions }];
    });
  } finally {
    host.close();
  }
}

/** Brings back what the network's other attachments had: the rules were gone, and so may be the sets. */
function restoreOthers(connection: NetlinkConnection, { owner, exceptions }: Masqueraded): void {
  const attached = attachedOf(owner.network, exceptions);
  const profiles = profilesOf({
    owner,
    exceptions,
    addresses: attached.flatMap(({ addresses }) => addresses),
  });
  ensureRules(connection, rulesFor(profiles));
  retryCommit(connection, () => attached.flatMap((one) => addOwner(one.owner, one.addresses, exceptions)));
}

function ensure({ connection }: Host, masqueraded: Masqueraded): void {
  const { owner, addresses, exceptions } = masqueraded;
  const profiles = profilesOf(masqueraded);
  retryCommit(connection, () => {
    // Inside, as GC may take out a network's rules until its first address is there.
    if (ensureRules(connection, rulesFor(profiles))) restoreOthers(connection, masqueraded);
    const sets = heldSets(connection);
    const holding = findHolding(connection, sets, owner);
    const wanted = addresses.map(({ address }) => address);
    const isOwn = ({ held }: Entry) => held.comment === ownerComment(owner);
    const others = findEntries(connection, sets, wanted).filter(
      (entry) => holding.attachment === undefined || !isOwn(entry),
    );
    // A removal costs a wait when the socket is closed, so there is none unless something is in the way.
    return [...removeHolding(holding), ...removeEntries(others), ...addOwner(owner, addresses, exceptions)];
  });
}

function addOwner(
  owner: AttachmentKey,
  addresses: readonly Cidr[],
  exceptions: readonly Cidr[],
): NetlinkMessage[] {
  const comment = ownerComment(owner);
  const element = { key: attachmentKey(owner), comment, extra: addressData(owner, addresses) };
  return [
    ...newElements(ownTable, attachments.name, [element]),
    ...addresses.flatMap((cidr) =>
      newElements(ownTable, profileOf(cidr, exceptions).set, [{ key: addressKey(cidr.address), comment }]),
    ),
  ];
}

function check({ connection }: Host, masqueraded: Masqueraded): void {
  const { owner, addresses, exceptions } = masqueraded;
  const disorder = describeFault(connection, chainsOf(profilesOf(masqueraded)));
  if (disorder !== undefined) throw fault(owner, `${disorder} in the table inet podwire`);
  const places = addresses.map((cidr) => ({
    set: profileOf(cidr, exceptions).set,
    key: addressKey(cidr.address),
  }));
  const found = findElements(connection, ownTable, places);
  const at = found.findIndex((held) => held?.comment !== ownerComment(owner));
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
  retryCommit(connection, () => removeHolding(findHolding(connection, heldSets(connection), owner)));
}

function collect({ connection }: Host, { network, keep }: Collection): void {
  const kept = new Set(keep.map(ownerComment));
  const isStale = ({ comment }: HeldElement) => isOfNetwork(comment, network) && !kept.has(comment);
  const removeStale = () => {
    const entries = allEntries(connection, heldSets(connection)).filter(({ held }) => isStale(held));
    const keys = allElements(connection, ownTable, attachments.name)
      .filter(isStale)
      .map(({ key }) => key);
    return [...removeEntries(entries), ...deleteKeys(ownTable, attachments.name, keys)];
  };
  // An address that somebody else gets at this moment has the same key.
  retryCommit(connection, removeStale, "as it was");
  for (const { set } of heldSets(connection)) removeUnusedSet(connection, set);
}

function forget({ connection }: Host, addresses: readonly IpAddress[]): void {
  retryCommit(connection, () => removeEntries(findEntries(connection, heldSets(connection), addresses)));
}

export const nftablesMasquerade: MasqueradeAdaptor = { prepare, ensure, check, remove, collect, forget };
