/** The two IP sets of masqueraded addresses, one per family; an element's comment names its owner and network. */
import { networkText, ownerText } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import type { Family, IpAddress } from "../../ip/address.ts";
import { type Cidr, formatCidr, networkOf } from "../../ip/cidr.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { addElement, deleteElement, type SetElement, setTypes } from "../ipset.ts";
import { deleteElements, discardSets, elementsWith, isWithoutSets, makeSet } from "../sets.ts";
import { setNames } from "./rules.ts";

const families: readonly Family[] = [4, 6];

const NETWORK_START = " in ";

/** What an element of this owner is found by. */
function ownerPart(owner: AttachmentKey): string {
  return ownerText(owner) + NETWORK_START;
}

/** The comment: the owner, and the address's own network, from which the fixed rules can be made anew. */
function elementOf(owner: AttachmentKey, cidr: Cidr): SetElement {
  return { address: cidr.address, comment: ownerPart(owner) + formatCidr(networkOf(cidr)) };
}

/** Makes the set of the family unless it is there. */
export function makeAddressSet(connection: NetlinkConnection, family: Family) {
  return makeSet(connection, setNames[family], family, setTypes.addresses);
}

/** Takes a set back that makeSet has made. */
export function discardSet(connection: NetlinkConnection, family: Family): void {
  discardSets(connection, [setNames[family]]);
}

export function addToSet(
  connection: NetlinkConnection,
  owner: AttachmentKey,
  addresses: readonly Cidr[],
): void {
  connection.execute(
    ...addresses.map((cidr) => addElement(setNames[cidr.address.family], elementOf(owner, cidr))),
  );
}

/** The elements that are this owner's. */
export function ownElements(connection: NetlinkConnection, owner: AttachmentKey): SetElement[] {
  if (isWithoutSets()) return [];
  return families.flatMap((family) => elementsWith(connection, setNames[family], ownerPart(owner)));
}

/** The networks of all elements. */
export function networksInSet(connection: NetlinkConnection, family: Family): string[] {
  const comments = elementsWith(connection, setNames[family], NETWORK_START).map(
    (element) => element.comment,
  );
  const networks = comments.map((comment) =>
    comment.slice(comment.lastIndexOf(NETWORK_START) + NETWORK_START.length),
  );
  return [...new Set(networks)];
}

function deleteFromSets(connection: NetlinkConnection, addresses: readonly IpAddress[]): void {
  deleteElements(
    connection,
    addresses.map((address) => deleteElement(setNames[address.family], { address })),
  );
}

export function removeFromSets(
  connection: NetlinkConnection,
  owner: AttachmentKey,
  addresses?: readonly IpAddress[],
): void {
  if (isWithoutSets()) return;
  deleteFromSets(connection, addresses ?? ownElements(connection, owner).map((element) => element.address));
}

/** Removes the elements of a network whose owners are not to be kept. */
export function collectFromSets(
  connection: NetlinkConnection,
  network: string,
  keep: readonly AttachmentKey[],
): void {
  if (isWithoutSets()) return;
  const kept = new Set(keep.map(ownerPart));
  const isKept = ({ comment }: SetElement) =>
    kept.has(comment.slice(0, comment.lastIndexOf(NETWORK_START) + NETWORK_START.length));
  const elements = families.flatMap((family) =>
    elementsWith(connection, setNames[family], networkText(network)),
  );
  deleteFromSets(
    connection,
    elements.filter((element) => !isKept(element)).map((element) => element.address),
  );
}

/** Removes the addresses, whoever owned them. */
export function forgetInSets(connection: NetlinkConnection, addresses: readonly IpAddress[]): void {
  if (!isWithoutSets()) deleteFromSets(connection, addresses);
}
