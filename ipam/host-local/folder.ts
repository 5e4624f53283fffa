/** A network's folder, as the reference has it: a file a reservation, and the last address of each range set. */

import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { listDirectory } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import {
  closeFile,
  moveToFreeName,
  OpenFlag,
  openFile,
  readAll,
  readSmallText,
  removeFile,
  setModified,
  writeFile,
} from "../../shared/system/file.ts";
import {
  descriptorStatus,
  type FileStatus,
  fileExists,
  fileStatus,
} from "../../shared/system/file-status.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { decodeText } from "../../shared/system/text.ts";
import { type Owner, reservationText } from "./records.ts";

/** A reservation's file as it is. */
export interface ReservationFile {
  readonly text: string;
  readonly file: string;
  readonly modified: bigint;
}

const identityOf = ({ inode, modified }: FileStatus) => `${inode}:${modified}`;

/** Reservations, and our own files, are for root; the reference's newest version has the same mode. */
export const PRIVATE = 0o600;

/**
 * Writes a reservation where nobody looks, to be moved to its place: so that it is whole even if the process is
 * killed. Returns the file's identity.
 *
 * It is not flushed to the disk: that costs 1 to 4 ms, more than the rest of a call, under a lock. What a power loss
 * can leave behind is an empty file, or none, and neither harms: the power loss ended the boot too, so that every
 * reservation is free again (scan.ts), and an empty file is nobody's in any boot.
 */
export function prepareReservation(temporary: string, owner: Owner): string {
  return identityOf(writeFile(temporary, reservationText(owner), PRIVATE));
}

export class NetworkFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The time of change: differs as soon as anybody has made, removed or renamed a file in it. */
  modified(): bigint | undefined {
    return fileStatus(this.path)?.modified;
  }

  setModified(nanoseconds: bigint): void {
    setModified(this.path, nanoseconds);
  }

  /** The names of all reservations: whatever else is there is no address. */
  names(): string[] {
    return listDirectory(this.path).filter((name) => parseIp(name) !== undefined);
  }

  has(name: string): boolean {
    return fileExists(`${this.path}/${name}`);
  }

  /** Reads a reservation; undefined if there is none. */
  read(name: string): ReservationFile | undefined {
    const path = `${this.path}/${name}`;
    let descriptor: number;
    try {
      descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
    } catch (thrown) {
      if (thrown instanceof SystemError && thrown.errno === Errno.ENOENT) return undefined;
      throw thrown;
    }
    try {
      const status = descriptorStatus(descriptor);
      if (!status.isFile) return undefined;
      const text = decodeText(readAll(descriptor, path));
      return { text, file: identityOf(status), modified: status.modified };
    } finally {
      closeFile(descriptor);
    }
  }

  /** Moves a prepared reservation to its place, unless that is taken: it appears whole or not at all. */
  place(temporary: string, name: string): boolean {
    return moveToFreeName(temporary, `${this.path}/${name}`);
  }

  /** Removes a reservation; returns whether there was one. */
  remove(name: string): boolean {
    return removeFile(`${this.path}/${name}`);
  }

  /** What range set `index` handed out last. */
  lastReserved(index: number): string {
    return readSmallText(`${this.path}/last_reserved_ip.${index}`)?.trim() ?? "";
  }

  /**
   * Overwrites it in place. Truncating first, as the reference does, makes ext4 write the new block out at once when
   * the file is closed (auto_da_alloc, Documentation/admin-guide/ext4.rst): 0.28 ms, the largest part of its ADD.
   * A crash between, or garbage, only moves the place where the next search begins.
   */
  setLastReserved(index: number, address: IpAddress, before: string): void {
    const text = formatIp(address);
    const flags = text.length < before.length ? OpenFlag.truncate : 0;
    writeFile(`${this.path}/last_reserved_ip.${index}`, text, PRIVATE, flags);
  }
}
