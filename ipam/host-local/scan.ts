/**
 * Rebuilds the owner index from a network's folder. This happens after a change by the reference plugin or a person,
 * after a killed call, and after a boot.
 *
 * The scan removes reservations without an owner: those from before the boot, and blank files.
 */

import { isAlive } from "../../shared/attachment/liveness.ts";
import { CniError } from "../../shared/cni/error.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { startOfBoot } from "./boot.ts";
import { type NetworkFolder, prepareReservation, type ReservationFile } from "./folder.ts";
import {
  isBlank,
  isSameOwner,
  type OwnerRecord,
  ownerName,
  parseReservation,
  placementOf,
  type Reservation,
} from "./records.ts";

/** The index's knowledge of an address. */
interface Known {
  readonly record: OwnerRecord;
  readonly reservation: Reservation;
}

export interface ScanOptions {
  readonly network: string;
  readonly folder: NetworkFolder;
  /** The temporary name of a new reservation. */
  readonly temporary: string;
  readonly boot: string;
  /** True if the index has been complete in this boot: a reservation that it lacks was then made later. */
  readonly wasComplete: boolean;
}

interface Scan extends ScanOptions {
  readonly known: ReadonlyMap<string, Known>;
  /** A reservation that is not in the index and older than this is from before the boot. */
  readonly oldest: bigint;
}

/** Reads every reservation. `before` is the index's content. Returns the new content: the records by owner. */
export function scan(
  options: ScanOptions,
  before: ReadonlyMap<string, OwnerRecord>,
): Map<string, OwnerRecord> {
  const known = new Map<string, Known>();
  for (const record of before.values())
    for (const reservation of record.reservations) known.set(reservation.name, { record, reservation });
  return readFolder({ ...options, known, oldest: options.wasComplete ? 0n : startOfBoot() });
}

function readFolder(scan: Scan): Map<string, OwnerRecord> {
  const records = new Map<string, OwnerRecord>();
  for (const name of scan.folder.names()) {
    const file = scan.folder.read(name);
    if (file === undefined) continue;
    const record = recordFor(scan, name, file);
    if (record === undefined) continue;
    const key = ownerName(record);
    const same = records.get(key);
    records.set(
      key,
      same === undefined ? record : { ...same, reservations: [...same.reservations, ...record.reservations] },
    );
  }
  return records;
}

/**
 * Returns the owner's record for a reservation. A reservation that certainly has no owner is removed: then undefined.
 */
function recordFor(scan: Scan, name: string, file: ReservationFile): OwnerRecord | undefined {
  const { record, reservation } = scan.known.get(name) ?? {};
  const isSame = reservation?.file === file.file;
  const isOld = isSame ? record?.boot !== scan.boot : file.modified < scan.oldest;
  if (isOld) return discard(scan, name);
  if (isBlank(file.text)) return restore(scan, name, record);
  const owner = parseReservation(file.text);
  // host-local never writes this text: a person has reserved the address.
  if (owner === undefined) return undefined;
  const namespace =
    isSame && record !== undefined && isSameOwner(record, owner) ? record.namespace : undefined;
  const fresh = { ...owner, boot: scan.boot, reservations: [{ name, file: file.file }] };
  return namespace === undefined ? fresh : { ...fresh, namespace };
}

function discard(scan: Scan, name: string): undefined {
  tryRemove(scan, name);
}

/** Returns false for a file that cannot be removed. It is left out of the index as well. */
function tryRemove(scan: Scan, name: string): boolean {
  try {
    return scan.folder.remove(name);
  } catch (thrown) {
    if (!(thrown instanceof SystemError || thrown instanceof CniError)) throw thrown;
    return false;
  }
}

/** A blank file has no owner, unless the index has one whose interface has the address right now. */
function restore(scan: Scan, name: string, record: OwnerRecord | undefined): OwnerRecord | undefined {
  if (record?.boot !== scan.boot || !isAlive(placementOf(scan.network, record), [name]))
    return discard(scan, name);
  if (!tryRemove(scan, name)) return undefined;
  const file = prepareReservation(scan.temporary, record);
  scan.folder.putReservation(scan.temporary, name);
  return { ...record, reservations: [{ name, file }] };
}
