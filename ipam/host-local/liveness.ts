/** Whether the attachment a reservation was made for still exists. */
import { type FileStatus, fileStatus } from "../../shared/system/file-status.ts";
import type { NamespaceRecord, OwnerRecord } from "./records.ts";

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
 * Whether a reservation is in use: its address is on its interface, in the namespace it was made for, or in the one
 * the runtime names now.
 */
export function isAlive(record: OwnerRecord, name: string, netns = ""): boolean {
  if (record.ifname === "") return false;
  for (const place of [record.namespace, describeNamespace(netns)]) {
    if (place !== undefined && lookInside().hasAddress(place, record.ifname, name)) return true;
  }
  return false;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/**
 * Whether the namespace a reservation was made for is gone for certain, for when an address is needed badly: nothing
 * is at its path any more, or another namespace is.
 *
 * Anything doubtful counts as there. A plain file at the path may be the far side of a mount that this process does
 * not see; a path in /proc goes with one process, and others may live in the namespace; an identity that was never a
 * namespace's proves nothing.
 */
export function isGone({ namespace }: OwnerRecord): boolean {
  if (namespace === undefined || namespace.path.startsWith("/proc/")) return false;
  const namespaces = fileStatus("/proc/self/ns/net")?.device;
  if (namespaces === undefined || !namespace.identity.startsWith(`${namespaces}:`)) return false;
  const status = statusIfAny(namespace.path);
  if (status === undefined) return statusIfAny(parentOf(namespace.path))?.isDirectory === true;
  return status.device === namespaces && `${status.device}:${status.inode}` !== namespace.identity;
}
