/**
 * Reading a network's whole folder: when the index cannot be believed, because the reference (or a person) has
 * changed the folder, a call was killed, or the machine has booted.
 *
 * On the way it removes what nobody owns: reservations from before the boot, and blank files.
 */

import { isAttached } from "../../shared/attachment/liveness.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { startOfBoot } from "./boot.ts";
import { type NetworkFolder, prepareReservation, type ReservationFile } from "./folder.ts";
import { type Held, isBlank, isSameOwner, type OwnerRecord, ownerName, parseReservation } from "./records.ts";

/** What the index said of an address. */
interface Known {
  readonly record: OwnerRecord;
  readonly held: Held;
}

export interface ScanPlace {
  readonly folder: NetworkFolder;
  /** Where a reservation can be written before it is moved to its place. */
  readonly temporary: string;
  readonly boot: string;
  /** Whether the index has been complete at some time in this boot: what it does not know was made since. */
  readonly wasComplete: boolean;
}

interface Scan extends ScanPlace {
  readonly known: ReadonlyMap<string, Known>;
  /** A file the index does not know that is older than this is from before the boot. */
  readonly oldest: bigint;
}

/** Reads every reservation. `before` is what the index holds. Returns what it should hold: the records, by owner. */
export function scan(place: ScanPlace, before: ReadonlyMap<string, OwnerRecord>): Map<string, OwnerRecord> {
  const known = new Map<string, Known>();
  for (const record of before.values())
    for (const held of record.held) known.set(held.name, { record, held });
  return readFolder({ ...place, known, oldest: place.wasComplete ? 0n : startOfBoot() });
}

function readFolder(scan: Scan): Map<string, OwnerRecord> {
  const records = new Map<string, OwnerRecord>();
  for (const name of scan.folder.names()) {
    const file = scan.folder.read(name);
    if (file === undefined) continue;
    const record = judge(scan, name, file);
    if (record === undefined) continue;
    const key = ownerName(record);
    const same = records.get(key);
    records.set(key, same === undefined ? record : { ...same, held: [...same.held, ...record.held] });
  }
  return records;
}

/** The owner's record for one reservation, or undefined if it is nobody's; then it is removed, if that is certain. */
function judge(scan: Scan, name: string, file: ReservationFile): OwnerRecord | undefined {
  const { record, held } = scan.known.get(name) ?? {};
  const isSame = held?.file === file.file;
  const isOld = isSame ? record?.boot !== scan.boot : file.modified < scan.oldest;
  if (isOld) return discard(scan, name);
  if (isBlank(file.text)) return restore(scan, name, record);
  const owner = parseReservation(file.text);
  // A text that host-local never wrote: somebody keeps the address for himself.
  if (owner === undefined) return undefined;
  const namespace =
    isSame && record !== undefined && isSameOwner(record, owner) ? record.namespace : undefined;
  const fresh = { ...owner, boot: scan.boot, held: [{ name, file: file.file }] };
  return namespace === undefined ? fresh : { ...fresh, namespace };
}

function discard(scan: Scan, name: string): undefined {
  try {
    scan.folder.remove(name);
  } catch (thrown) {
    // What cannot be removed is left out of the index all the same.
    if (!(thrown instanceof SystemError)) throw thrown;
  }
}

/** A blank file is nobody's, unless the index knows an owner whose interface has the address right now. */
function restore(scan: Scan, name: string, record: OwnerRecord | undefined): OwnerRecord | undefined {
  if (record === undefined || record.boot !== scan.boot || !isAttached(record, name))
    return discard(scan, name);
  scan.folder.remove(name);
  const file = prepareReservation(scan.temporary, record);
  scan.folder.place(scan.temporary, name);
  return { ...record, held: [{ name, file }] };
}
