/**
 * The owner index: one record per owner. ADD, DEL and CHECK find an owner's reservations by it, where the reference
 * plugin reads all reservations.
 *
 * The index counts only if it is provably complete. Each change of the network's folder, by the reference plugin or a
 * person, changes the folder's time. After our own change we set this time to a random stamp and write the same stamp
 * into the index. If folder and index agree, nothing happened in between. If they differ, or the boot id does, the
 * index is rebuilt from the folder (scan.ts).
 *
 * Crash safety needs only an order of writes: first the folder (now the stamps differ; if the folder does not change,
 * the index's stamp is removed), then the records, the folder's stamp, the index's stamp.
 */
import { fileStatus } from "../../shared/system/file-status.ts";
import {
  listOwnFolder,
  makeOwnFolder,
  readOwnFile,
  readSmallOwnFile,
  removeOwnFile,
  writeOwnFile,
} from "../../shared/system/own-file.ts";
import { PRIVATE } from "./folder.ts";
import { type Owner, type OwnerRecord, ownerName, parseRecord, recordText } from "./records.ts";

export class OwnerIndex {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The temporary name of a new reservation: same file system, and only the lock's holder writes it. */
  get temporary(): string {
    return `${this.#path}/temporary`;
  }

  makeFolder(): void {
    makeOwnFolder(this.#path, 0o700);
  }

  /** The index's stamp; empty if it has none. */
  state(): string {
    return readSmallOwnFile(`${this.#path}/state`) ?? "";
  }

  /** Written in place: a power loss ends the boot, and so the index. */
  setState(state: string): void {
    writeOwnFile(`${this.#path}/state`, state, PRIVATE, 0);
  }

  read(owner: Owner): OwnerRecord | undefined {
    return this.readNamed(ownerName(owner));
  }

  /** Reads a record by its name. Without the lock the record may be half written: then undefined. */
  readNamed(name: string): OwnerRecord | undefined {
    return parseRecord(readOwnFile(`${this.#path}/${name}`) ?? "");
  }

  /** When the record was last written, in nanoseconds since 1970; undefined if it is missing. */
  modified(name: string): bigint | undefined {
    return fileStatus(`${this.#path}/${name}`)?.modified;
  }

  /** The names of all records, half written ones included. */
  names(): string[] {
    // Only names of owners contain a colon.
    return listOwnFolder(this.#path).filter((name) => name.includes(":"));
  }

  /** Writes a record, or removes it after an error. */
  write(record: OwnerRecord): void {
    try {
      writeOwnFile(`${this.#path}/${ownerName(record)}`, recordText(record), PRIVATE);
    } catch (thrown) {
      this.remove(record);
      throw thrown;
    }
  }

  remove(owner: Owner): void {
    removeOwnFile(`${this.#path}/${ownerName(owner)}`);
  }

  /** All complete records, by the names of their files. */
  records(): Map<string, OwnerRecord> {
    const records = new Map<string, OwnerRecord>();
    for (const name of this.names()) {
      const record = this.readNamed(name);
      if (record !== undefined && ownerName(record) === name) records.set(name, record);
    }
    return records;
  }

  /** Replaces all records, and removes half written ones. */
  replace(before: ReadonlyMap<string, OwnerRecord>, wanted: ReadonlyMap<string, OwnerRecord>): void {
    this.makeFolder();
    for (const name of this.names()) if (!wanted.has(name)) removeOwnFile(`${this.#path}/${name}`);
    for (const [name, record] of wanted) {
      const old = before.get(name);
      if (old === undefined || recordText(old) !== recordText(record)) this.write(record);
    }
  }
}
