/**
 * The formats of host-local's files. Nothing here touches the disk.
 *
 * Shared with the reference plugin, in <dataDir>/<network>/:
 * - a reservation: a file named by its address with "<containerID>\r\n<ifname>" (very old ones: the container ID
 * alone);
 * - last_reserved_ip.<n>: the last address handed out of range set n;
 * - lock.
 *
 * Ours alone, in <dataDir>/.podwire/<network>/: the owner index. It keeps the cost of a call independent of the number
 * of reservations. The reference plugin never reads it: it reads only the network's folder, and no network's name
 * starts with a dot.
 * - <containerID>:<ifname>: the owner's record as JSON;
 * - state: "<boot id> <stamp>";
 * - temporary: a reservation before its rename.
 */

import type { Placement } from "../../shared/attachment/liveness.ts";
import type { NamespaceRecord } from "../../shared/attachment/namespace-record.ts";
import { isObject, parseObject } from "../../shared/cni/fields.ts";
import { sha512 } from "../../shared/system/hash.ts";

export interface Owner {
  readonly containerId: string;
  /** Empty if the reservation names only a container. */
  readonly ifname: string;
}

/** A reservation of an owner: the file's name (an address) and its identity (inode and change time). */
export interface Reservation {
  readonly name: string;
  /** Changes if another process removes the file and makes it again. */
  readonly file: string;
}

export interface OwnerRecord extends Owner {
  /** The id of the boot in which the reservations were made or first seen. */
  readonly boot: string;
  readonly namespace?: NamespaceRecord;
  readonly reservations: readonly Reservation[];
}

/** When the file of a reservation was written, in nanoseconds since 1970. */
export function timeOf({ file }: Reservation): bigint | undefined {
  const time = file.slice(file.indexOf(":") + 1);
  return /^\d+$/.test(time) ? BigInt(time) : undefined;
}

/** Where the owner's interface was put. */
export const placementOf = (network: string, { containerId, ifname, namespace }: OwnerRecord): Placement => ({
  owner: { network, containerId, ifname },
  namespace,
});

/** The content of a reservation, byte for byte that of the reference plugin. */
export function reservationText({ containerId, ifname }: Owner): string {
  return ifname === "" ? containerId : `${containerId}\r\n${ifname}`;
}

const ownerPattern = /^([A-Za-z0-9][A-Za-z0-9_.-]*)(?:\r?\n([^/:\s]{1,15}))?$/;

/** Parses a reservation's owner; undefined if no version of host-local writes that text. */
export function parseReservation(text: string): Owner | undefined {
  const [, containerId, ifname = ""] = ownerPattern.exec(text.trim()) ?? [];
  return containerId === undefined ? undefined : { containerId, ifname };
}

/**
 * True for an empty file or one of zeros. A crash of the reference plugin between creation and write, or a power loss,
 * leaves one. It has no owner.
 */
export function isBlank(text: string): boolean {
  return text.replaceAll("\0", "").trim() === "";
}

export function isSameOwner(a: Owner, b: Owner): boolean {
  return a.containerId === b.containerId && a.ifname === b.ifname;
}

/** The limit so that the name fits NAME_MAX (255 bytes) with a colon and an interface name (IFNAMSIZ, 15 bytes). */
const LONGEST_ID = 255 - 16;

/**
 * The file name of an owner's record. Neither part contains a colon, so names are unique. A container ID is ASCII, so
 * its length is its size in bytes.
 */
export function ownerName({ containerId, ifname }: Owner): string {
  const name = `${containerId}:${ifname}`;
  return containerId.length <= LONGEST_ID ? name : `sha512:${sha512(name)}`;
}

export function recordText(record: OwnerRecord): string {
  return `${JSON.stringify(record)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string";

const isReservation = (value: unknown): value is Reservation =>
  isObject(value) && isText(value["name"]) && isText(value["file"]);

/** Reads an owner's record; undefined if it is incomplete. */
export function parseRecord(text: string): OwnerRecord | undefined {
  if (text === "") return undefined;
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { containerId, ifname, boot, reservations, namespace } = value;
  if (!isText(containerId) || !isText(ifname) || !isText(boot)) return undefined;
  if (!Array.isArray(reservations) || !reservations.every(isReservation)) return undefined;
  const record = { containerId, ifname, boot, reservations };
  if (!isObject(namespace) || !isText(namespace["path"]) || !isText(namespace["identity"])) return record;
  return { ...record, namespace: { path: namespace["path"], identity: namespace["identity"] } };
}

/**
 * The index's state: in this boot, the index was complete when the network's folder had this change time (nanoseconds
 * since 1970). It is overwritten in place: all stamps have the same length, and the stamp 0 matches no folder.
 */
export function stateText(boot: string, stamp: bigint): string {
  return `${boot} ${stamp}\n`;
}

/** True if the state is of this boot: then the index has been complete in this boot. */
export function isOfBoot(state: string, boot: string): boolean {
  return state.startsWith(`${boot} `);
}

/** A constant: a clock's last six digits equal it once in a million times. */
const MARK = 271_828n;

/**
 * Makes a folder time that only podwire sets: two seconds in the past, where no later change can set it, with a
 * constant below the millisecond.
 */
export function newStamp(nowMilliseconds: number): bigint {
  return BigInt(nowMilliseconds - 2000) * 1_000_000n + MARK;
}
