/** The files of leases below /run/podwire/dhcp: a folder for each daemon, by its socket, and a file for each lease. */
import { ownerHash } from "../../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { readSmallText } from "../../../shared/system/file.ts";
import {
  listOwnFolder,
  makeOwnFolder,
  PRIVATE,
  PRIVATE_FOLDER,
  readOwnFile,
  removeOwnFile,
  replaceOwnFile,
  writeOwnFile,
} from "../../../shared/system/own-file.ts";
import { type LeaseRecord, readRecord, writeRecord } from "./record.ts";

const ROOT = "/run/podwire/dhcp";

/** Names of leases are hexadecimal digits. What is written first has another ending. */
const LEASE = /^[0-9a-f]{32}$/;
const TEMPORARY = ".new";

const bootId = (): string => readSmallText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";

export class LeaseStore {
  readonly folder: string;
  private readonly boot = bootId();

  /** `prefix`: the host's root in a container, or nothing. */
  constructor(socketPath: string, prefix = "") {
    this.folder = `${prefix}${ROOT}/${socketPath.slice(1).replaceAll("/", "-")}`;
  }

  private pathOf(owner: AttachmentKey): string {
    return `${this.folder}/${ownerHash(owner).slice(0, 32)}`;
  }

  /** Makes the folder. */
  prepare(): void {
    makeOwnFolder(this.folder, PRIVATE_FOLDER);
  }

  /** Replaces the file of a lease; a kill leaves the old or the new one. */
  write(record: LeaseRecord): void {
    const path = this.pathOf(record.owner);
    this.prepare();
    writeOwnFile(`${path}${TEMPORARY}`, writeRecord(record, this.boot), PRIVATE);
    replaceOwnFile(`${path}${TEMPORARY}`, path);
  }

  remove(owner: AttachmentKey): void {
    removeOwnFile(this.pathOf(owner));
  }

  /** The lease of an attachment in this boot; undefined without a file, or with one that is not understood. */
  find(owner: AttachmentKey): LeaseRecord | undefined {
    const text = readOwnFile(this.pathOf(owner));
    return text === undefined ? undefined : readRecord(text, this.boot);
  }

  /** All leases of this boot. Removes the files of other boots, of killed writes, and what is not understood. */
  readAll(): LeaseRecord[] {
    return listOwnFolder(this.folder).flatMap((name) => {
      const path = `${this.folder}/${name}`;
      if (name.endsWith(TEMPORARY)) removeOwnFile(path);
      if (!LEASE.test(name)) return [];
      const text = readOwnFile(path);
      const record = text === undefined ? undefined : readRecord(text, this.boot);
      if (record !== undefined && this.pathOf(record.owner) === path) return record;
      removeOwnFile(path);
      return [];
    });
  }
}
