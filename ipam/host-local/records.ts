/**
 * What is on disk, as text. Nothing here touches the disk.
 *
 * Shared with the reference plugin, in <dataDir>/<network>/:
 * - a reservation: a file named by its address that holds "<containerID>\r\n<ifname>" (a very old one: the container
 *   ID alone);
 * - last_reserved_ip.<n>: the address that range set n handed out last;
 * - lock.
 *
 * Ours alone, in <dataDir>/.podwire/<network>/, where the reference never looks (it walks the network's folder, and
 * no network's name can start with a dot): the index, by which the cost of a call does not depend on how many
 * addresses are held.
 * - <containerID>:<ifname>: the owner's record as JSON;
 * - state: "<boot id> <stamp>";
 * - temporary: a reservation in the making.
 */

import type { NamespaceRecord } from "../../shared/attachment/namespace-record.ts";
import { isObject } from "../../shared/cni/fields.ts";
import { sha512 } from "../../shared/system/hash.ts";

export interface Owner {
  readonly containerId: string;
  /** Empty for a reservation that names only a container. */
  readonly ifname: string;
}

/** A reservation of an owner: the file's name, and the file's identity (inode and time of writing). */
export interface Held {
  readonly name: string;
  /** Differs once somebody else has removed the file and made it again. */
  readonly file: string;
}

export interface OwnerRecord extends Owner {
  /** The boot in which the reservations were made, or first seen. */
  readonly boot: string;
  readonly namespace?: NamespaceRecord;
  readonly held: readonly Held[];
}

/** The content of a reservation, byte for byte as the reference writes it. */
export function reservationText({ containerId, ifname }: Owner): string {
  return ifname === "" ? containerId : `${containerId}\r\n${ifname}`;
}

const ownerPattern = /^([A-Za-z0-9][A-Za-z0-9_.-]*)(?:\r?\n([^/:\s]{1,15}))?$/;

/** Whose reservation a text is; undefined for one that no version of host-local has written. */
export function parseReservation(text: string): Owner | undefined {
  const [, containerId, ifname = ""] = ownerPattern.exec(text.trim()) ?? [];
  return containerId === undefined ? undefined : { containerId, ifname };
}

/**
 * A file that was made and not written: by a crash between the two (the reference), or by a power loss, which leaves
 * no bytes or only zeros. Nobody owns it.
 */
export function isBlank(text: string): boolean {
  return text.replaceAll("\0", "").trim() === "";
}

export function isSameOwner(a: Owner, b: Owner): boolean {
  return a.containerId === b.containerId && a.ifname === b.ifname;
}

/** What fits a file name (NAME_MAX, 255 bytes) beside a colon and an interface name (IFNAMSIZ, 15 bytes). */
const LONGEST_ID = 255 - 16;

/**
 * The name of an owner's record. Neither part can hold a colon, so no two owners share one; a container ID is ASCII,
 * so its length is its size.
 */
export function ownerName({ containerId, ifname }: Owner): string {
  const name = `${containerId}:${ifname}`;
  return containerId.length <= LONGEST_ID ? name : `sha512:${sha512(name)}`;
}

export function recordText(record: OwnerRecord): string {
  return `${JSON.stringify(record)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string";

const isHeld = (value: unknown): value is Held =>
  isObject(value) && isText(value["name"]) && isText(value["file"]);

/** Reads an owner's record; undefined if it is not whole. */
export function parseRecord(text: string): OwnerRecord | undefined {
  if (text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { containerId, ifname, boot, held, namespace } = value;
  if (!isText(containerId) || !isText(ifname) || !isText(boot)) return undefined;
  if (!Array.isArray(held) || !held.every(isHeld)) return undefined;
  const record = { containerId, ifname, boot, held };
  if (!isObject(namespace) || !isText(namespace["path"]) || !isText(namespace["identity"])) return record;
  return { ...record, namespace: { path: namespace["path"], identity: namespace["identity"] } };
}

/**
 * The state of the index: in this boot, it was complete when the network's folder had this time of change (in
 * nanoseconds since 1970). Overwritten in place: with any stamp it is of one length, and with none (0) it
 * equals nothing.
 */
export function stateText(boot: string, stamp: bigint): string {
  return `${boot} ${stamp}\n`;
}

/** Whether a state is of this boot, and so whether the index has been complete in it. */
export function isOfBoot(state: string, boot: string): boolean {
  return state.startsWith(`${boot} `);
}

/** Any, but always the same: a clock's own digits would be these once in a million times. */
const MARK = 271_828n;

/**
 * A time of change that only we give to a folder: two seconds back, where nobody else's change can be recorded any
 * more, and below the millisecond a mark.
 */
export function newStamp(nowMilliseconds: number): bigint {
  return BigInt(nowMilliseconds - 2000) * 1_000_000n + MARK;
}
