/**
 * The index: a record an owner, so that ADD, DEL and CHECK find an owner's reservations without reading those of all
 * others, as the reference does.
 *
 * It is believed only while it is proven complete. Whoever changes the network's folder, be it the reference or a
 * person, gives the folder a new time of change; we, when we are done, set that time to a stamp that nobody else can
 * cause, and write the same stamp into the index. Folder and index agree: nothing happened in between. They differ,
 * or the boot does: the index is made anew from the folder (scan.ts).
 *
 * So a crash needs no care but for the order of writes: first the folder (from that moment on the stamps differ; where
 * it stays as it is, the index's stamp is taken back), then the records, then the folder's stamp, then the index's.
 */
import { listDirectory, makeDirectory } from "../../shared/system/directory.ts";
import { readSmallText, readTextIfPresent, removeFile, writeFile } from "../../shared/system/file.ts";
import { fileStatus } from "../../shared/system/file-status.ts";
import { PRIVATE } from "./folder.ts";
import { type Owner, type OwnerRecord, ownerName, parseRecord, recordText } from "./records.ts";

export class OwnerIndex {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Where a reservation is written before it is moved to its place. Same file system, and one writer: the lock. */
  get temporary(): string {
    return `${this.#path}/temporary`;
  }

  makeFolder(): void {
    makeDirectory(this.#path, 0o700);
  }

  /** Empty if there is none. */
  state(): string {
    return readSmallText(`${this.#path}/state`) ?? "";
  }

  /** In place: a power loss in between ends the boot, and with it the index. */
  setState(state: string): void {
    writeFile(`${this.#path}/state`, state, PRIVATE, 0);
  }

  read(owner: Owner): OwnerRecord | undefined {
    return this.readNamed(ownerName(owner));
  }

  /** The record of that name. Without the lock it may be one that is being written: undefined, as it is not whole. */
  readNamed(name: string): OwnerRecord | undefined {
    return parseRecord(readTextIfPresent(`${this.#path}/${name}`) ?? "");
  }

  /** When the record of that name was last written, in nanoseconds since 1970; undefined if there is none. */
  modified(name: string): bigint | undefined {
    return fileStatus(`${this.#path}/${name}`)?.modified;
  }

  /** The names of all records, whole or not. */
  names(): string[] {
    // Only an owner's name holds a colon.
    return listDirectory(this.#path).filter((name) => name.includes(":"));
  }

  /** Writes a record. One that could not be written whole is not left behind. */
  write(record: OwnerRecord): void {
    try {
      writeFile(`${this.#path}/${ownerName(record)}`, recordText(record), PRIVATE);
    } catch (thrown) {
      this.remove(record);
      throw thrown;
    }
  }

  remove(owner: Owner): void {
    removeFile(`${this.#path}/${ownerName(owner)}`);
  }

  /** All whole records, by the name of their file. */
  records(): Map<string, OwnerRecord> {
    const records = new Map<string, OwnerRecord>();
    for (const name of this.names()) {
      const record = this.readNamed(name);
      if (record !== undefined && ownerName(record) === name) records.set(name, record);
    }
    return records;
  }

  /** Brings the records to those given; removes what is left of others, whole or not. */
  replace(before: ReadonlyMap<string, OwnerRecord>, wanted: ReadonlyMap<string, OwnerRecord>): void {
    this.makeFolder();
    for (const name of this.names()) if (!wanted.has(name)) removeFile(`${this.#path}/${name}`);
    for (const [name, record] of wanted) {
      const old = before.get(name);
      if (old === undefined || recordText(old) !== recordText(record)) this.write(record);
    }
  }
}
