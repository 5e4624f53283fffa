/** Whether an attachment that something was made for still exists. */

import { type FileStatus, fileStatus } from "../system/file-status.ts";
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

/** Evaluated on demand: few calls need netlink, and loading it costs each 0.1 ms. */
const lookInside = () => require("./in-namespace.ts") as typeof import("./in-namespace.ts");

/**
 * Whether an attachment is in use: its address is on its interface, in the namespace it was made for, or in the one
 * the runtime names now.
 */
export function isAlive(record: Placement, address: string, netns = ""): boolean {
  if (record.ifname === "") return false;
  for (const place of [record.namespace, describeNamespace(netns)]) {
    if (place !== undefined && lookInside().hasAddress(place, record.ifname, address)) return true;
  }
  return false;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/**
 * Whether the namespace an attachment was made in is gone for certain, for when its address is needed badly: nothing
 * is at its path any more, or another namespace is.
 *
 * Anything doubtful counts as there. A plain file at the path may be the far side of a mount that this process does
 * not see; a path in /proc goes with one process, and others may live in the namespace; an identity that was never a
 * namespace's proves nothing.
 */
export function isGone({ namespace }: Placement): boolean {
  if (namespace === undefined || namespace.path.startsWith("/proc/")) return false;
  const namespaces = fileStatus("/proc/self/ns/net")?.device;
  if (namespaces === undefined || !namespace.identity.startsWith(`${namespaces}:`)) return false;
  const status = statusIfAny(namespace.path);
  if (status === undefined) return statusIfAny(parentOf(namespace.path))?.isDirectory === true;
  return status.device === namespaces && `${status.device}:${status.inode}` !== namespace.identity;
}
