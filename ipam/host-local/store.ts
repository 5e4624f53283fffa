/** The reservations of one network, locked during one call. */

import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { Errno } from "../../shared/system/errno.ts";
import { lock, makeAndLock, unlock } from "../../shared/system/folder-lock.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { removeOwnFile } from "../../shared/system/own-file.ts";
import { bootId } from "./boot.ts";
import type { StoreLocation } from "./configuration.ts";
import { NetworkFolder, prepareReservation } from "./folder.ts";
import { OwnerIndex } from "./owner-index.ts";
import {
  isOfBoot,
  isSameOwner,
  newStamp,
  type Owner,
  type OwnerRecord,
  ownerName,
  parseReservation,
  type Reservation,
  reservationText,
  stateText,
} from "./records.ts";
import { scan } from "./scan.ts";

/** The owner index of a network. It may be incomplete: only a Store, which holds the lock, knows. */
export const ownerIndexOf = ({ dataDir, network }: StoreLocation) =>
  new OwnerIndex(`${dataDir}/.podwire/${network}`);

export class Store {
  readonly network: string;
  readonly folder: NetworkFolder;
  readonly boot = bootId();
  readonly #index: OwnerIndex;
  readonly #lock: number;
  #isRead = false;
  /** The records of a scan; undefined while the index is valid. */
  #scanned: Map<string, OwnerRecord> | undefined;
  /** True if this call has changed the folder or the index. */
  #isChanged = false;
  /** True if the index has all records again; false if a write failed. */
  #isComplete = true;
  /** A reservation that is written but not yet renamed: its owner and its identity. */
  #prepared: { readonly owner: Owner; readonly file: string } | undefined;
  /** Reserved addresses that are in no record yet. While there are any, the index is incomplete. */
  readonly #unsaved = new Set<string>();

  private constructor(location: StoreLocation, lockDescriptor: number) {
    this.network = location.network;
    this.folder = new NetworkFolder(`${location.dataDir}/${location.network}`);
    this.#index = ownerIndexOf(location);
    this.#lock = lockDescriptor;
  }

  /** Locks a network's reservations, and makes the folder if needed. */
  static make(location: StoreLocation, limitSeconds: number): Store {
    return new Store(location, makeAndLock(`${location.dataDir}/${location.network}`, limitSeconds));
  }

  /** Locks a network's reservations; undefined if its folder is missing: then it has no reservations. */
  static open(location: StoreLocation, limitSeconds: number): Store | undefined {
    const descriptor = lock(`${location.dataDir}/${location.network}`, limitSeconds);
    return descriptor === undefined ? undefined : new Store(location, descriptor);
  }

  /** Runs `work` with a network's reservations locked; undefined if its folder is missing. */
  static use<Value>(
    location: StoreLocation,
    limitSeconds: number,
    work: (store: Store) => Value,
  ): Value | undefined {
    const store = Store.open(location, limitSeconds);
    try {
      return store && work(store);
    } finally {
      store?.close();
    }
  }

  /** True if the folder had to be read, as the index did not count, and has no reservation. */
  get isFoundEmpty(): boolean {
    this.#refresh();
    return this.#scanned?.size === 0;
  }

  /** The names of all owners. Their records are included only after a scan. */
  owners(): ReadonlyMap<string, OwnerRecord | undefined> {
    this.#refresh();
    return this.#scanned ?? new Map(this.#index.names().map((name) => [name, undefined]));
  }

  /** An owner's record, limited to reservations that exist; undefined if none exists. */
  find(owner: Owner): OwnerRecord | undefined {
    this.#refresh();
    const record =
      this.#scanned === undefined ? this.#index.read(owner) : this.#scanned.get(ownerName(owner));
    if (record === undefined || !isSameOwner(record, owner)) return undefined;
    const reservations: Reservation[] = [];
    for (const each of record.reservations) if (this.isReservedBy(owner, each.name)) reservations.push(each);
    return reservations.length === 0 ? undefined : { ...record, reservations };
  }

  /** All records, limited to reservations that exist. */
  all(): OwnerRecord[] {
    this.#refresh();
    const records = [...(this.#scanned ?? this.#index.records()).values()];
    return records.flatMap((record) => this.find(record) ?? []);
  }

  /** True if an address's file names this owner, or the owner's container alone, as old versions of the reference wrote it. */
  isReservedBy(owner: Owner, name: string): boolean {
    const text = this.folder.read(name)?.text;
    if (text === undefined) return false;
    if (text === reservationText(owner)) return true;
    const holder = parseReservation(text);
    return holder?.containerId === owner.containerId && ["", owner.ifname].includes(holder.ifname);
  }

  /** The owner in an address's file. */
  ownerOf(name: string): Owner | undefined {
    const file = this.folder.read(name);
    return file === undefined ? undefined : parseReservation(file.text);
  }

  /** Reserves an address; undefined if it is taken. The caller saves the owner's record. */
  take(name: string, owner: Owner): Reservation | undefined {
    if (this.#prepared?.owner !== owner) this.#prepared = { owner, file: this.#prepare(owner) };
    this.#unsaved.add(name);
    if (!this.#put(name)) {
      this.#unsaved.delete(name);
      return undefined;
    }
    const { file } = this.#prepared;
    this.#prepared = undefined;
    this.#isChanged = true;
    return { name, file };
  }

  #put(name: string): boolean {
    const { temporary } = this.#index;
    try {
      return this.folder.putReservation(temporary, name);
    } catch (thrown) {
      if (!(thrown instanceof SystemError) || thrown.errno !== Errno.EXDEV) throw thrown;
      const message = `${temporary} is on another file system than ${this.folder.path}`;
      const advice = "a link or a mount leads there from .podwire in ipam.dataDir: remove it";
      throw new CniError(ErrorCode.io, message, advice, thrown);
    }
  }

  #prepare(owner: Owner): string {
    try {
      return prepareReservation(this.#index.temporary, owner);
    } catch (thrown) {
      if (!(thrown instanceof SystemError) || thrown.errno !== Errno.ENOENT) throw thrown;
      // The scan could not make the index's folder, or another process has removed it.
      this.#index.makeFolder();
      return prepareReservation(this.#index.temporary, owner);
    }
  }

  /** Releases addresses. */
  release(reservations: readonly Reservation[]): void {
    if (reservations.length === 0) return;
    this.#isChanged = true;
    this.#guard(() => {
      for (const { name } of reservations) {
        this.folder.remove(name);
        this.#unsaved.delete(name);
      }
    });
  }

  /** Releases the owner's addresses, as `find` returned them, and removes its record. */
  releaseAll(record: OwnerRecord): void {
    this.release(record.reservations);
    this.#guard(() => this.#index.remove(record));
    this.#scanned?.delete(ownerName(record));
  }

  /** Writes an owner's record. */
  save(record: OwnerRecord): void {
    // The folder is unchanged, so its stamp would still match: a crash could then leave a half record that counts.
    if (!this.#isChanged) this.#index.setState(stateText(this.boot, 0n));
    this.#isChanged = true;
    this.#guard(() => this.#index.write(record));
    this.#unsaved.clear();
    this.#scanned?.set(ownerName(record), record);
  }

  /** Stamps folder and index, and unlocks. */
  close(): void {
    if (this.#prepared !== undefined) this.#attempt(() => removeOwnFile(this.#index.temporary));
    if (this.#isChanged && this.#isComplete && this.#unsaved.size === 0) this.#attempt(() => this.#seal());
    unlock(this.#lock);
  }

  #seal(): void {
    const stamp = newStamp(Date.now());
    this.folder.setModified(stamp);
    this.#index.setState(stateText(this.boot, stamp));
  }

  #refresh(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    const state = this.#index.state();
    const modified = this.folder.modified();
    if (modified !== undefined && state === stateText(this.boot, modified)) return;
    this.#scan(isOfBoot(state, this.boot));
  }

  /** Scans the folder. `wasComplete`: the index has been complete in this boot. */
  #scan(wasComplete: boolean): void {
    const before = this.#index.records();
    const { network, folder, boot } = this;
    const found = scan({ network, folder, boot, temporary: this.#index.temporary, wasComplete }, before);
    this.#scanned = found;
    this.#isChanged = true;
    this.#attempt(() => this.#index.replace(before, found));
  }

  /** If `work` fails halfway, the next call scans the folder. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#isComplete = false;
      throw thrown;
    }
  }

  /** If the disk refuses a write (full, read-only), the call goes on without the index, and the next call scans. */
  #attempt(write: () => void): void {
    try {
      write();
    } catch (thrown) {
      if (!(thrown instanceof SystemError || thrown instanceof CniError)) throw thrown;
      this.#isComplete = false;
    }
  }
}
