/**
 * The records on disk, for each network namespace that is a host's. They are below /run, which is empty after a boot, as the
 * packet filter is.
 *
 *     /run/podwire/filter/<namespace>/records/<hash>.<kind>     what an attachment wants (record-text.ts)
 *     /run/podwire/filter/<namespace>/records/state             what the kernel was given last (state.ts)
 *     /run/podwire/filter/<namespace>/records/.uses             the same for iptables (iptables/damage.ts)
 *     /run/podwire/filter/<namespace>/reservations/<name>       a hard link to the record that has a port or an address
 *
 * The state lies among the records, so that it is gone where the records are removed.
 */

import { CniError } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { namespaceName } from "../netlink/namespace-name.ts";
import { Errno } from "../system/errno.ts";
import { linkToFreeName } from "../system/file.ts";
import { type FileStatus, fileExists, fileStatus } from "../system/file-status.ts";
import { SystemError } from "../system/libc.ts";
import { type NamedLock, takeLock, takeLockToRemove } from "../system/lock.ts";
import { explainObstacle } from "../system/obstacle.ts";
import {
  listOwnFolder,
  makeOwnFolder,
  PRIVATE,
  PRIVATE_FOLDER,
  readOwnFile,
  removeOwnFile,
  replaceOwnFile,
  writeOwnFile,
} from "../system/own-file.ts";
import { type FilterRecord, isSameRecord, type RecordKind, recordName } from "./record.ts";
import { explained, FILTER_FOLDER, filterLock } from "./record-folder.ts";
import { parseRecord, recordText } from "./record-text.ts";
import { reservationsOf } from "./reservation.ts";

const STATE = "state";
/** A record while it is written. No name of a record begins with a dot. */
const DRAFT = ".draft";

export class RecordStore {
  readonly #folder: string;
  readonly #lock: NamedLock;

  /** `connection`: any socket of the namespace whose records are meant. */
  constructor(connection: NetlinkConnection, environment: Readonly<Record<string, string>>) {
    const namespace = namespaceName(connection);
    this.#folder = `${FILTER_FOLDER}/${namespace}`;
    this.#lock = filterLock(namespace, environment);
  }

  #recordPath(name: string): string {
    return `${this.#folder}/records/${name}`;
  }

  #reservationPath(name: string): string {
    return `${this.#folder}/reservations/${name}`;
  }

  /** Whether there is a folder for the namespace. */
  get exists(): boolean {
    return fileStatus(`${this.#folder}/records`)?.isDirectory === true;
  }

  /** Runs `work` as the only process that changes records and rules; makes the folders. Throws codes 5 and 11. */
  whileLocked<Value>(work: () => Value): Value {
    const lock = takeLock(this.#lock);
    try {
      explained(() => this.#makeFolders());
      return work();
    } finally {
      lock.release();
    }
  }

  /**
   * The same for what removes rules, also where no lock and no record can be made. Without readable records `hasRecords` is false.
   */
  whileLockedToRemove<Value>(work: (hasRecords: boolean) => Value): Value {
    const lock = takeLockToRemove(this.#lock);
    try {
      return work(this.#tryMakeFolders());
    } finally {
      lock?.release();
    }
  }

  #tryMakeFolders(): boolean {
    try {
      this.#makeFolders();
    } catch (thrown) {
      if (!(thrown instanceof SystemError || thrown instanceof CniError)) throw thrown;
    }
    return this.exists;
  }

  #makeFolders(): void {
    makeOwnFolder(`${this.#folder}/records`, PRIVATE_FOLDER);
    if (!makeOwnFolder(`${this.#folder}/reservations`, PRIVATE_FOLDER)) return;
    for (const record of this.all()) this.#reserve(recordName(record.owner, record.kind), record);
  }

  /** When a record's file was written, whole or not, in nanoseconds since 1970; undefined if it is missing. */
  written(owner: AttachmentKey, kind: RecordKind): bigint | undefined {
    return fileStatus(this.#recordPath(recordName(owner, kind)))?.modified;
  }

  /** The record of an owner; undefined if it is missing or cannot be read. */
  find(owner: AttachmentKey, kind: RecordKind): FilterRecord | undefined {
    return this.#read(this.#recordPath(recordName(owner, kind)));
  }

  #read(path: string): FilterRecord | undefined {
    return parseRecord(readOwnFile(path) ?? "");
  }

  /** A record under its own name: a copy of one, under any other, would have the same rules twice. */
  #readNamed(name: string): FilterRecord | undefined {
    const record = this.#read(this.#recordPath(name));
    return record !== undefined && recordName(record.owner, record.kind) === name ? record : undefined;
  }

  #names(): string[] {
    return listOwnFolder(`${this.#folder}/records`).filter((name) => name !== STATE && !name.startsWith("."));
  }

  /** Whether there is such a record of the kind. Reads no more than it must. */
  some(kind: RecordKind, test: (record: FilterRecord) => boolean): boolean {
    return this.#names().some(
      (name) => name.endsWith(kind) && [this.#readNamed(name) ?? []].flat().some(test),
    );
  }

  /**
   * All records that can be read, in the order in which they were written. So a projection of all has its rules in the order in
   * which ADDs have added them one by one.
   */
  all(): FilterRecord[] {
    const files = this.#names().flatMap((name) => {
      const path = this.#recordPath(name);
      const [status, record] = [fileStatus(path), this.#readNamed(name)];
      return status === undefined || record === undefined ? [] : [{ status, record }];
    });
    // Files of one moment: tmpfs gives them rising inode numbers.
    const isLater = (one: FileStatus, other: FileStatus) =>
      one.modified === other.modified ? one.inode > other.inode : one.modified > other.modified;
    files.sort((one, other) => (isLater(one.status, other.status) ? 1 : -1));
    return files.map(({ record }) => record);
  }

  /**
   * Writes a record, then takes its reservations. At any moment there is the former record or the new one. A process that is
   * killed between leaves a record without all reservations (see holds).
   */
  write(record: FilterRecord): void {
    const name = recordName(record.owner, record.kind);
    const former = this.find(record.owner, record.kind);
    if (former !== undefined) {
      const kept = new Set(reservationsOf(record).map((reservation) => reservation.name));
      this.#release(former, (reservation) => !kept.has(reservation));
    }
    explained(() => {
      writeOwnFile(this.#recordPath(DRAFT), recordText(record), PRIVATE);
      replaceOwnFile(this.#recordPath(DRAFT), this.#recordPath(name));
      this.#reserve(name, record);
    });
  }

  #reserve(file: string, record: FilterRecord): void {
    for (const { name } of reservationsOf(record)) {
      const path = this.#reservationPath(name);
      if (linkToFreeName(this.#recordPath(file), path)) continue;
      removeOwnFile(path);
      if (linkToFreeName(this.#recordPath(file), path)) continue;
      throw explainObstacle(new SystemError("link", path, Errno.EEXIST), path, "file");
    }
  }

  #release(record: FilterRecord, isMeant: (name: string) => boolean = () => true): void {
    const read = this.#holderReader();
    for (const { name } of reservationsOf(record)) {
      if (!isMeant(name)) continue;
      const holder = read(name);
      // A file that cannot be read is of no other record either.
      if (holder === undefined || isSameRecord(holder, record)) removeOwnFile(this.#reservationPath(name));
    }
  }

  /** Removes the reservations of a record, then the record. One that is gone already is fine. */
  remove(record: FilterRecord): void {
    this.#release(record);
    removeOwnFile(this.#recordPath(recordName(record.owner, record.kind)));
  }

  /** Removes the file of a record that cannot be read. */
  removeFile(owner: AttachmentKey, kind: RecordKind): void {
    removeOwnFile(this.#recordPath(recordName(owner, kind)));
  }

  /** Reads who has a reservation. A record of thousands of ports is read once: each reservation is a link to it. */
  #holderReader(): (name: string) => FilterRecord | undefined {
    const known = new Map<string, FilterRecord | undefined>();
    return (name) => {
      const path = this.#reservationPath(name);
      const status = fileStatus(path);
      if (status === undefined) return undefined;
      const file = String(status.inode);
      if (!known.has(file)) known.set(file, this.#read(path));
      return known.get(file);
    };
  }

  /** The other records that have a reservation which this one wants, with the first reservation each has. */
  holders(record: FilterRecord): { readonly holder: FilterRecord; readonly index: number }[] {
    const read = this.#holderReader();
    const found = new Map<string, { holder: FilterRecord; index: number }>();
    for (const [index, { name }] of reservationsOf(record).entries()) {
      const holder = read(name);
      if (holder === undefined || isSameRecord(holder, record)) continue;
      const key = recordName(holder.owner, holder.kind);
      if (!found.has(key) && !this.#isFormer(name, holder)) found.set(key, { holder, index });
    }
    return [...found.values()];
  }

  /**
   * Whether a reservation is a link to a former record of an owner who has another one now. If the owner has none, its record was
   * deleted by hand: the reservation is a link to the content, and counts.
   */
  #isFormer(reservation: string, { owner, kind }: FilterRecord): boolean {
    const hasRecord = fileStatus(this.#recordPath(recordName(owner, kind))) !== undefined;
    return hasRecord && !this.#isCurrent(reservation, { owner, kind });
  }

  /** Whether a reservation is a link to the record that its owner has now. */
  #isCurrent(reservation: string, { owner, kind }: Pick<FilterRecord, "owner" | "kind">): boolean {
    const inode = fileStatus(this.#reservationPath(reservation))?.inode;
    return inode !== undefined && inode === fileStatus(this.#recordPath(recordName(owner, kind)))?.inode;
  }

  /** Whether a record has all its reservations. Of two records that want the same, one has it. */
  holds(record: FilterRecord): boolean {
    return reservationsOf(record).every(({ name }) => this.#isCurrent(name, record));
  }

  /** Whether any record has a reservation of that name. */
  isReserved = (name: string): boolean => fileExists(this.#reservationPath(name));

  /** Removes what a killed process leaves: reservations without a record, and files that cannot be read. */
  tidy(): void {
    removeOwnFile(this.#recordPath(DRAFT));
    for (const name of this.#names()) {
      if (this.#readNamed(name) === undefined) removeOwnFile(this.#recordPath(name));
    }
    const read = this.#holderReader();
    for (const name of listOwnFolder(`${this.#folder}/reservations`)) {
      const holder = read(name);
      if (holder !== undefined && this.#isCurrent(name, holder)) continue;
      removeOwnFile(this.#reservationPath(name));
    }
  }

  readState(name = STATE): string | undefined {
    return readOwnFile(this.#recordPath(name));
  }

  writeState(text: string, name = STATE): void {
    explained(() => writeOwnFile(this.#recordPath(name), text, PRIVATE));
  }
}
