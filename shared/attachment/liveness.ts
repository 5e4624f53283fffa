/** Whether an attachment that something was made for still exists. */

import type { IpAddress } from "../ip/address.ts";
import { type FileStatus, fileStatus } from "../system/file-status.ts";
import { namespacesInUse } from "../system/namespace-users.ts";
import { addressesAt, hasAddress } from "./in-namespace.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

/** Where an attachment's interface was put. */
export interface Placement {
  /** Empty if it is not known. */
  readonly ifname: string;
  readonly namespace?: NamespaceRecord;
}

function statusIfAny(path: string): FileStatus | undefined {
  try {
    return fileStatus(path);
  } catch {
    // A path too long, or through a loop of links: whatever it was meant to be, it leads to no namespace.
    return undefined;
  }
}

/** What is at CNI_NETNS now, to be recognized later; undefined if nothing is there. */
export function describeNamespace(path: string): NamespaceRecord | undefined {
  const status = path === "" ? undefined : statusIfAny(path);
  return status === undefined ? undefined : { path, identity: `${status.device}:${status.inode}` };
}

/**
 * Whether an attachment is in use: its address is on its interface, in the namespace it was made for, or in the one
 * the runtime names now.
 */
export function isAlive(record: Placement, address: string, netns = ""): boolean {
  if (record.ifname === "") return false;
  for (const place of [record.namespace, describeNamespace(netns)]) {
    if (place !== undefined && hasAddress(place, record.ifname, address)) return true;
  }
  return false;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

let inUse: ReadonlyMap<string, string> | undefined;

/**
 * The namespaces that somebody is in or holds on to: inode -> a path that leads there. All processes are looked at, once
 * a call. Throws if that cannot be told.
 */
function allInUse(): ReadonlyMap<string, string> {
  inUse ??= namespacesInUse();
  return inUse;
}

/**
 * Whether an interface of that name has such an address in any namespace in use: for attachments of which nothing is
 * recorded. True if that cannot be told.
 */
export function isAnywhere(ifname: string, isMeant: (address: IpAddress) => boolean): boolean {
  try {
    return [...allInUse().values()].some((path) => addressesAt(path, ifname).some(isMeant));
  } catch {
    return true;
  }
}

/**
 * Whether a namespace that was known by a process is gone. Others may live in it. And the kernel soon gives its inode
 * to another: that one is known by not having the addresses.
 */
function isGoneWithProcess({ ifname, namespace }: Placement, addresses: readonly string[]): boolean {
  if (namespace === undefined || ifname === "") return false;
  const { path, identity } = namespace;
  if (describeNamespace(path)?.identity === identity) return false;
  let user: string | undefined;
  try {
    user = allInUse().get(identity.slice(identity.lastIndexOf(":") + 1));
  } catch {
    return false;
  }
  if (user === undefined) return true;
  const place = describeNamespace(user);
  // Gone in this moment, or behind a path that means something else here.
  if (place?.identity !== identity) return false;
  return !addresses.some((address) => hasAddress(place, ifname, address));
}

/**
 * Whether the namespace an attachment of these addresses was made in is gone for certain, for when its addresses are
 * needed badly: nothing is at its path any more, or another namespace is.
 *
 * Anything doubtful counts as there. A plain file at the path may be the far side of a mount that this process does
 * not see; an identity that was never a namespace's proves nothing.
 */
export function isGone(placement: Placement, addresses: readonly string[]): boolean {
  const { namespace } = placement;
  if (namespace === undefined) return false;
  const namespaces = fileStatus("/proc/self/ns/net")?.device;
  if (namespaces === undefined || !namespace.identity.startsWith(`${namespaces}:`)) return false;
  if (namespace.path.startsWith("/proc/")) return isGoneWithProcess(placement, addresses);
  const status = statusIfAny(namespace.path);
  if (status === undefined) return statusIfAny(parentOf(namespace.path))?.isDirectory === true;
  return status.device === namespaces && `${status.device}:${status.inode}` !== namespace.identity;
}
