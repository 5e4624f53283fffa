/**
 * A network's folder in the reference plugin's format: one file per reservation, and the last address of each range
 * set.
 */

import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { listDirectory } from "../../shared/system/directory.ts";
import {
  closeFile,
  OpenFlag,
  readAll,
  renameToFreeName,
  setModified,
  tryOpen,
} from "../../shared/system/file.ts";
import {
  descriptorStatus,
  type FileStatus,
  fileExists,
  fileStatus,
} from "../../shared/system/file-status.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { isNoFile, readSmallOwnFile, removeOwnFile, writeOwnFile } from "../../shared/system/own-file.ts";
import { decodeText } from "../../shared/system/text.ts";
import { type Owner, reservationText } from "./records.ts";

/** The parsed file of a reservation. */
export interface ReservationFile {
  readonly text: string;
  readonly file: string;
  readonly modified: bigint;
}

const identityOf = ({ inode, modified }: FileStatus) => `${inode}:${modified}`;

/** A reservation has two lines. No more than this is read of a file. */
const MOST_BYTES = 1 << 20;

/** Reservations and our own files are for root only, as in the newest version of the reference plugin. */
export const PRIVATE = 0o600;

/**
 * Writes a reservation to a temporary file, which `place` then moves: a killed process leaves no half reservation.
 * Returns the file's device and inode.
 *
 * The file is not flushed to disk: that takes 1 to 4 ms under the lock, more than the rest of a call. A power loss can
 * leave an empty file or none. Neither does harm: the power loss also ended the boot, so every reservation is free
 * again (scan.ts), and an empty file has no owner.
 */
export function prepareReservation(temporary: string, owner: Owner): string {
  return identityOf(writeOwnFile(temporary, reservationText(owner), PRIVATE));
}

export class NetworkFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The folder's change time. It changes with each file that is made, removed or renamed in it. */
  modified(): bigint | undefined {
    return fileStatus(this.path)?.modified;
  }

  setModified(nanoseconds: bigint): void {
    setModified(this.path, nanoseconds);
  }

  /** The names of all reservations. Other files are not addresses. */
  names(): string[] {
    return listDirectory(this.path).filter((name) => parseIp(name) !== undefined);
  }

  has(name: string): boolean {
    return fileExists(`${this.path}/${name}`);
  }

  /** Reads a reservation; undefined if there is no file: a FIFO, a folder or a link keeps its address from being used. */
  read(name: string): ReservationFile | undefined {
    const path = `${this.path}/${name}`;
    const { readOnly, noFollow, nonBlocking } = OpenFlag;
    const descriptor = tryOpen(path, readOnly | noFollow | nonBlocking);
    if (descriptor < 0) {
      const refusal = new SystemError("open", path, -descriptor);
      if (isNoFile(refusal)) return undefined;
      throw refusal;
    }
    try {
      const status = descriptorStatus(descriptor);
      if (!status.isFile) return undefined;
      const text = decodeText(readAll(descriptor, path, undefined, MOST_BYTES));
      return { text, file: identityOf(status), modified: status.modified };
    } finally {
      closeFile(descriptor);
    }
  }

  /**
   * Moves a prepared reservation to its name, if the name is free. The move is atomic. Returns false if the address is
   * taken.
   */
  putReservation(temporary: string, name: string): boolean {
    return renameToFreeName(temporary, `${this.path}/${name}`);
  }

  /** Removes a reservation. Returns false if it was missing. */
  remove(name: string): boolean {
    return removeOwnFile(`${this.path}/${name}`);
  }

  /** The address that range set `index` handed out last. */
  lastReserved(index: number): string {
    return readSmallOwnFile(`${this.path}/last_reserved_ip.${index}`)?.trim() ?? "";
  }

  /**
   * Overwrites the file in place. The reference plugin truncates it first. ext4 then writes the new block when the
   * file is closed (auto_da_alloc, Documentation/admin-guide/ext4.rst): 0.28 ms, the largest part of its ADD. A crash
   * or garbage only changes where the next search begins.
   */
  setLastReserved(index: number, address: IpAddress, before: string): void {
    const text = formatIp(address);
    const flags = text.length < before.length ? OpenFlag.truncate : 0;
    writeOwnFile(`${this.path}/last_reserved_ip.${index}`, text, PRIVATE, flags);
  }
}
