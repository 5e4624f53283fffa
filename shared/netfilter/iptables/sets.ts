/** The two IP sets of masqueraded addresses, one per family; an element's comment names its owner and network. */
import { networkText, ownerText } from "../../cni/attachment.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import type { Family, IpAddress } from "../../ip/address.ts";
import { type Cidr, formatCidr, networkOf } from "../../ip/cidr.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { NetlinkError } from "../../netlink/error.ts";
import { Errno } from "../../system/errno.ts";
import { fileExists } from "../../system/file-status.ts";
import {
  addElement,
  createSet,
  deleteElement,
  destroySet,
  findElements,
  IpsetErrno,
  listSet,
  type SetElement,
} from "../ipset.ts";
import { setNames } from "./rules.ts";

const families: readonly Family[] = [4, 6];

/** More than a node can have; the set starts small and grows as it fills. */
const MAX_ELEMENTS = 1 << 20;

const NETWORK_START = " in ";

/** What an element of this owner is found by. */
function ownerPart(owner: AttachmentKey): string {
  return ownerText(owner) + NETWORK_START;
}

/** The comment: the owner, and the address's own network, from which the fixed rules can be made anew. */
function elementOf(owner: AttachmentKey, cidr: Cidr): SetElement {
  return { address: cidr.address, comment: ownerPart(owner) + formatCidr(networkOf(cidr)) };
}

/**
 * Whether asking for sets is pointless. The kernel would look for the module on every question, with a process of
 * its own; this file is there as soon as the module is, loaded or built in.
 */
function isWithoutSets(): boolean {
  return !fileExists("/sys/module/ip_set") && fileExists("/sys/module");
}

/** Makes the set of the family unless it is there. */
export function makeSet(connection: NetlinkConnection, family: Family): "made" | "present" | "unable" {
  const name = setNames[family];
  const unable = [Errno.EINVAL, Errno.EOPNOTSUPP, IpsetErrno.findType, IpsetErrno.comment];
  const refusal = connection.attempt(createSet(name, family, MAX_ELEMENTS, true), ...unable, Errno.EEXIST);
  if (refusal === undefined) return "made";
  if (refusal.errno !== Errno.EEXIST) return "unable";
  const other = connection.attempt(
    createSet(name, family, MAX_ELEMENTS),
    Errno.EEXIST,
    IpsetErrno.typeMismatch,
  );
  if (other === undefined) return "present";
  throw new CniError(
    ErrorCode.internal,
    `the IP set ${name} exists, but is not what podwire makes`,
    `see what uses it with: ipset list ${name}; remove it with: ipset destroy ${name}`,
    other,
  );
}

/** Takes a set back that makeSet has made. */
export function discardSet(connection: NetlinkConnection, family: Family): void {
  connection.transact([destroySet(setNames[family])]);
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

function elementsWith(connection: NetlinkConnection, family: Family, part: string): SetElement[] {
  try {
    return findElements(connection.dump(listSet(setNames[family])), part);
  } catch (thrown) {
    if (thrown instanceof NetlinkError && isMissing(thrown)) return [];
    throw thrown;
  }
}

/** No such set, or no sets at all: nfnetlink.c says EINVAL for a subsystem it does not know. */
function isMissing(error: NetlinkError): boolean {
  const errnos: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.EOPNOTSUPP];
  return errnos.includes(error.errno);
}

/** The elements that are this owner's. */
export function ownElements(connection: NetlinkConnection, owner: AttachmentKey): SetElement[] {
  if (isWithoutSets()) return [];
  return families.flatMap((family) => elementsWith(connection, family, ownerPart(owner)));
}

/** The networks of all elements. */
export function networksInSet(connection: NetlinkConnection, family: Family): string[] {
  const comments = elementsWith(connection, family, NETWORK_START).map((element) => element.comment);
  const networks = comments.map((comment) =>
    comment.slice(comment.lastIndexOf(NETWORK_START) + NETWORK_START.length),
  );
  return [...new Set(networks)];
}

function deleteFromSets(connection: NetlinkConnection, addresses: readonly IpAddress[]): void {
  const answers = connection.transact(
    addresses.map((address) => deleteElement(setNames[address.family], { address })),
  );
  for (const { error } of answers) if (error !== undefined && !isMissing(error)) throw error;
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
  const elements = families.flatMap((family) => elementsWith(connection, family, networkText(network)));
  deleteFromSets(
    connection,
    elements.filter((element) => !isKept(element)).map((element) => element.address),
  );
}

/** Removes the addresses, whoever owned them. */
export function forgetInSets(connection: NetlinkConnection, addresses: readonly IpAddress[]): void {
  if (!isWithoutSets()) deleteFromSets(connection, addresses);
}
