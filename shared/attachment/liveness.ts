/** Whether an attachment still exists: its namespace, and its address there. The kind of its interface does not matter. */

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
    // A path that is too long, or has a loop of links, leads to no namespace.
    return undefined;
  }
}

/** The namespace at CNI_NETNS, with what identifies it later; undefined if the path leads nowhere. */
export function describeNamespace(path: string): NamespaceRecord | undefined {
  const status = path === "" ? undefined : statusIfAny(path);
  return status === undefined ? undefined : { path, identity: `${status.device}:${status.inode}` };
}

/** Whether the address is on the attachment's interface: in the namespace of its ADD, or in `netns`. */
export function isAttached(record: Placement, address: string, netns = ""): boolean {
  if (record.ifname === "") return false;
  for (const place of [record.namespace, describeNamespace(netns)]) {
    if (place !== undefined && hasAddress(place, record.ifname, address)) return true;
  }
  return false;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

let known: ReadonlyMap<string, string> | undefined;

/** The namespaces that processes are in or hold open, by inode: a path to each. Reads all of /proc, once a call. Throws if it cannot. */
function usedNamespaces(): ReadonlyMap<string, string> {
  known ??= namespacesInUse();
  return known;
}

/**
 * Whether an interface of that name has such an address in any namespace that is in use: for attachments without a record. True if
 * /proc cannot be read.
 */
export function isAddressInAnyNetns(ifname: string, isMeant: (address: IpAddress) => boolean): boolean {
  try {
    return [...usedNamespaces().values()].some((path) => addressesAt(path, ifname).some(isMeant));
  } catch {
    return true;
  }
}

/**
 * Whether a namespace is gone whose path was that of a process. Other processes may be in it. The kernel soon gives its inode to a new
 * namespace, which does not have the addresses.
 */
function isProcessNetnsGone({ ifname, namespace }: Placement, addresses: readonly string[]): boolean {
  if (namespace === undefined || ifname === "") return false;
  const { path, identity } = namespace;
  if (describeNamespace(path)?.identity === identity) return false;
  let user: string | undefined;
  try {
    user = usedNamespaces().get(identity.slice(identity.lastIndexOf(":") + 1));
  } catch {
    return false;
  }
  if (user === undefined) return true;
  const place = describeNamespace(user);
  // The process has just ended, or the path leads to another namespace here.
  if (place?.identity !== identity) return false;
  return !addresses.some((address) => hasAddress(place, ifname, address));
}

/**
 * Whether the namespace in which an attachment got these addresses is gone for certain: its path leads nowhere, or to another namespace.
 * Used when a range is exhausted.
 *
 * False in doubt. A plain file at the path may be under a mount that this process does not see; an identity that is not a namespace's
 * proves nothing.
 */
export function isNetnsGone(placement: Placement, addresses: readonly string[]): boolean {
  const { namespace } = placement;
  if (namespace === undefined) return false;
  const namespaces = fileStatus("/proc/self/ns/net")?.device;
  if (namespaces === undefined || !namespace.identity.startsWith(`${namespaces}:`)) return false;
  if (namespace.path.startsWith("/proc/")) return isProcessNetnsGone(placement, addresses);
  const status = statusIfAny(namespace.path);
  if (status === undefined) return statusIfAny(parentOf(namespace.path))?.isDirectory === true;
  return status.device === namespaces && `${status.device}:${status.inode}` !== namespace.identity;
}
