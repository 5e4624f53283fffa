/** IP sets in the kernel: making them, and finding elements by their comments. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Family } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { Errno } from "../system/errno.ts";
import { fileExists } from "../system/file-status.ts";
import {
  createSet,
  destroySet,
  findElements,
  IpsetErrno,
  listSet,
  type SetElement,
  type SetType,
} from "./ipset.ts";

/** More than a node can have; a set starts small and grows as it fills. */
const MAX_ELEMENTS = 1 << 20;

/**
 * Whether asking for sets is pointless. The kernel would look for the module on every question, with a process of
 * its own; this file is there as soon as the module is, loaded or built in.
 */
export function isWithoutSets(): boolean {
  return !fileExists("/sys/module/ip_set") && fileExists("/sys/module");
}

/** Makes a set unless it is there. */
export function makeSet(
  connection: NetlinkConnection,
  name: string,
  family: Family,
  type: SetType,
): "made" | "present" | "unable" {
  const unable = [Errno.EINVAL, Errno.EOPNOTSUPP, IpsetErrno.findType, IpsetErrno.comment];
  const exclusive = createSet(name, family, MAX_ELEMENTS, true, type);
  const refusal = connection.attempt(exclusive, ...unable, Errno.EEXIST);
  if (refusal === undefined) return "made";
  if (refusal.errno !== Errno.EEXIST) return "unable";
  const other = connection.attempt(
    createSet(name, family, MAX_ELEMENTS, false, type),
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

/** Takes sets back that makeSet has made. */
export function discardSets(connection: NetlinkConnection, names: readonly string[]): void {
  connection.transact(names.map(destroySet));
}

/** No such set, or no sets at all: nfnetlink.c says EINVAL for a subsystem it does not know. */
function isMissing(error: NetlinkError): boolean {
  const errnos: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.EOPNOTSUPP];
  return errnos.includes(error.errno);
}

/** The elements of a set whose comment contains `part`; none if there is no such set. */
export function elementsWith(connection: NetlinkConnection, name: string, part: string): SetElement[] {
  try {
    return findElements(connection.dump(listSet(name)), part);
  } catch (thrown) {
    if (thrown instanceof NetlinkError && isMissing(thrown)) return [];
    throw thrown;
  }
}

/** Sends messages made by deleteElement; what is not there is fine. */
export function deleteElements(connection: NetlinkConnection, messages: readonly NetlinkMessage[]): void {
  for (const { error } of connection.transact(messages)) {
    if (error !== undefined && !isMissing(error)) throw error;
  }
}
