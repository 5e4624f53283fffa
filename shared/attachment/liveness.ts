/**
 * Whether an attachment still exists: its namespace, and its address there. The kind of its interface does not matter.
 *
 * Only a proof counts as absence. An error of the kernel that may pass, such as ENFILE, is thrown, or reads as existence.
 */

import { hostInterfaceName } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { formatIp } from "../ip/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink, findPeer } from "../netlink/link.ts";
import { Errno } from "../system/errno.ts";
import { fileStatus } from "../system/file-status.ts";
import { SystemError } from "../system/libc.ts";
import { namespacesInUse } from "../system/namespace-users.ts";
import { hasAddress, interfaceAt } from "./in-namespace.ts";
import { isAliasOf, isAliasOfOther } from "./link-alias.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

/** Where an attachment's interface was put. */
export interface Placement {
  /** Its interface's name is empty if it is not known. */
  readonly owner: AttachmentKey;
  readonly namespace: NamespaceRecord | undefined;
}

/** The namespace at a path, with what identifies it later; undefined if the path leads nowhere. Throws SystemError if that is unknown. */
export function describeNamespace(path: string): NamespaceRecord | undefined {
  if (path === "") return undefined;
  try {
    const status = fileStatus(path);
    return status === undefined ? undefined : { path, identity: `${status.device}:${status.inode}` };
  } catch (thrown) {
    // A path with a loop of links, or that is too long, is no namespace's.
    const isBad = thrown instanceof SystemError && badPath.includes(thrown.errno);
    if (!isBad) throw thrown;
    return undefined;
  }
}

const badPath: readonly number[] = [Errno.ELOOP, Errno.ENAMETOOLONG];

/** Whether the address is on the attachment's interface: in the namespace of its ADD, or in `netns`. Throws if that is unknown. */
export function isAttached({ owner, namespace }: Placement, address: string, netns = ""): boolean {
  if (owner.ifname === "") return false;
  for (const place of [namespace, describeNamespace(netns)]) {
    if (place !== undefined && hasAddress(place, owner.ifname, address)) return true;
  }
  return false;
}

let host: NetlinkConnection | undefined;

/** Whether the attachment's veth pair exists, with its other end in a namespace that lives. It needs no path. */
function hasPair({ owner }: Placement): boolean {
  if (owner.ifname === "") return false;
  // One socket for the many owners of a GC. It stays open until the process ends.
  host ??= new NetlinkConnection(Protocol.route);
  const end = findLink(host, hostInterfaceName(owner));
  return end !== undefined && isAliasOf(end.alias, owner) && findPeer(host, end) !== undefined;
}

let known: ReadonlyMap<string, string> | undefined;

/** The namespaces that processes are in or hold open, by inode: a path to each. Reads all of /proc, once a call. Throws if it cannot. */
function usedNamespaces(): ReadonlyMap<string, string> {
  known ??= namespacesInUse();
  return known;
}

/** An interface in a namespace in use. */
interface Found {
  readonly inode: string;
  readonly addresses: ReadonlySet<string>;
  readonly ownerAlias: string;
}

const found = new Map<string, readonly Found[]>();

/** All interfaces of that name in namespaces that are in use. Read once a call for each name. */
function interfacesEverywhere(ifname: string): readonly Found[] {
  const before = found.get(ifname);
  if (before !== undefined) return before;
  const all = [...usedNamespaces()].flatMap(([inode, path]) => {
    const inside = interfaceAt(path, ifname);
    if (inside === undefined) return [];
    return { inode, addresses: new Set(inside.addresses.map(formatIp)), ownerAlias: inside.ownerAlias };
  });
  found.set(ifname, all);
  return all;
}

const inodeOf = (identity: string) => identity.slice(identity.lastIndexOf(":") + 1);

/** Where an address is: at an interface that may be the owner's, only at those of others, or at none. */
export type AddressPlace = "own" | "other" | "nowhere";

/**
 * Where interfaces of the owner's name have one of the addresses, in all namespaces that are in use: for attachments whose namespace is
 * not recorded. An interface is another attachment's by an alias, or since it is in `foreign`, the namespace of another container. "own"
 * if that is unknown.
 */
export function findAddress(
  owner: AttachmentKey,
  addresses: readonly string[],
  foreign?: NamespaceRecord,
): AddressPlace {
  try {
    const foreignInode = foreign && inodeOf(foreign.identity);
    const isOther = ({ inode, ownerAlias }: Found) =>
      inode === foreignInode || isAliasOfOther(ownerAlias, owner);
    const holders = interfacesEverywhere(owner.ifname).filter((each) =>
      addresses.some((address) => each.addresses.has(address)),
    );
    if (holders.length === 0) return "nowhere";
    return holders.every(isOther) ? "other" : "own";
  } catch {
    return "own";
  }
}

/**
 * Whether a process is in a namespace, or holds it open, that has no path of its own any more, and the interface there has one of the
 * addresses. The kernel soon gives an inode to a new namespace, which does not have them. True if that is unknown.
 */
function isInUseWithoutPath(ifname: string, identity: string, addresses: readonly string[]): boolean {
  try {
    const user = usedNamespaces().get(inodeOf(identity));
    if (user === undefined) return false;
    const place = describeNamespace(user);
    // The process has just ended, or the path leads to another namespace here.
    if (place?.identity !== identity) return true;
    return addresses.some((address) => hasAddress(place, ifname, address));
  } catch {
    return true;
  }
}

/**
 * Whether an attachment exists. `addresses`: its addresses as formatIp writes them. It exists if its interface has one of them in the
 * namespace of its ADD, if its veth pair has both ends, or if that namespace has lost its name and processes are still in it. Throws
 * if that is unknown.
 */
export function isAlive(placement: Placement, addresses: readonly string[]): boolean {
  const { owner, namespace } = placement;
  if (addresses.some((address) => isAttached(placement, address))) return true;
  if (hasPair(placement)) return true;
  if (namespace === undefined || owner.ifname === "") return false;
  if (describeNamespace(namespace.path)?.identity === namespace.identity) return false;
  return isInUseWithoutPath(owner.ifname, namespace.identity, addresses);
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/** Whether a path no longer leads to a namespace for certain: it leads nowhere, or to another one. `device`: that of namespaces. */
function isPathGone({ path, identity }: NamespaceRecord, device: string): boolean {
  const status = fileStatus(path);
  if (path.startsWith("/proc/")) return `${status?.device}:${status?.inode}` !== identity;
  if (status === undefined) return fileStatus(parentOf(path))?.isDirectory === true;
  // A plain file at the path may be under a mount that this process does not see.
  return status.device === device && `${device}:${status.inode}` !== identity;
}

/**
 * Whether the namespace in which an attachment got these addresses is gone for certain: its path leads nowhere, or to another namespace,
 * and no process is in it. Used when a range is exhausted. False in doubt: an identity that is not a namespace's proves nothing.
 */
export function isNetnsGone(placement: Placement, addresses: readonly string[]): boolean {
  const { owner, namespace } = placement;
  try {
    const device = fileStatus("/proc/self/ns/net")?.device;
    if (namespace === undefined || owner.ifname === "" || device === undefined) return false;
    if (!namespace.identity.startsWith(`${device}:`) || !isPathGone(namespace, device)) return false;
    return !hasPair(placement) && !isInUseWithoutPath(owner.ifname, namespace.identity, addresses);
  } catch {
    return false;
  }
}
