/**
 * Who has which host port, on this node: files below /run, which are gone after a boot, as the rules are.
 *
 *     owners/<hash>          what is forwarded to an attachment
 *     owners/complete        every port of ours in the kernel has its record
 *     claims/<claim>         a hard link to the record of the port's owner, such as tcp-any4-8080
 *     rules/<hash>           how the kernel has an attachment's rules (iptables/held.ts)
 *     lock
 *
 * A claim appears whole and for one owner only, whatever happens. Records are written before the packet filter is
 * changed and removed after it, so that whatever was made is found again. Only where somebody removes files from here
 * while containers live, the kernel has to be asked (unrecorded.ts), until it has nothing more without a record.
 */
import { CniError, ErrorCode, messageOf } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { listDirectory, makeDirectory } from "../../shared/system/directory.ts";
import { readTextIfPresent, removeFile, writeFile } from "../../shared/system/file.ts";
import { lock, lockLimit, makeAndLock, unlock } from "../../shared/system/folder-lock.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { dropClaims, findDead, makeClaim, readRecord, recordReader, restoreClaims } from "./claims.ts";
import {
  CLAIMS,
  COMPLETE,
  hasRecord,
  isComplete,
  OWNERS,
  ownerPath,
  PRIVATE,
  ROOT,
  RULES,
  rulesPath,
} from "./places.ts";
import { type PortRecord, recordText } from "./record.ts";

type Environment = Readonly<Record<string, string>>;

/** What is recorded of an owner; undefined if nothing is. */
export function recordOf(owner: AttachmentKey): PortRecord | undefined {
  return readRecord(ownerPath(owner));
}

/** Runs `work` as the only one who changes the registry, which is made if need be, and tells whether it is complete. */
function withLock(environment: Environment, work: (complete: boolean) => void): void {
  let descriptor: number;
  let isNew = false;
  try {
    descriptor = makeAndLock(ROOT, lockLimit(environment));
    for (const folder of [OWNERS, CLAIMS]) if (makeDirectory(folder, 0o700)) isNew = true;
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    throw new CniError(
      ErrorCode.io,
      `cannot write to ${ROOT}, where the owners of host ports are recorded: ${messageOf(thrown)}`,
      "/run must be a file system that can be written: mount a tmpfs there",
      thrown,
    );
  }
  try {
    work(!isNew && isComplete());
  } finally {
    unlock(descriptor);
  }
}

/** The same where there is a registry; without one there is nothing to do. */
function withLockIfKept(environment: Environment, work: () => void): void {
  const descriptor = lock(ROOT, lockLimit(environment));
  if (descriptor === undefined) return;
  try {
    work();
  } finally {
    unlock(descriptor);
  }
}

/** Returns whether there was a record. */
function dropAll(owner: AttachmentKey): boolean {
  dropClaims(owner, recordOf(owner)?.forwarding.mappings ?? []);
  removeFile(rulesPath(owner));
  return removeFile(ownerPath(owner));
}

/** What a claim has done to the packet filter. */
export interface Clearing {
  /** Takes a dead owner's rules away. */
  remove(dead: PortRecord): void;
  /**
   * Makes the ports free of owners without a record, and returns whether other such owners are left. Throws code 7, and
   * changes nothing, if such an owner of a port lives. Asked only where files may have been removed from here.
   */
  clearUnrecorded(records: readonly PortRecord[]): boolean;
}

function complement(clearing: Clearing): void {
  removeFile(COMPLETE);
  const records = allRecords();
  for (const record of records) restoreClaims(record);
  if (!clearing.clearUnrecorded(records)) writeFile(COMPLETE, "", PRIVATE);
}

/**
 * Records what is to be forwarded, in place of what the owner had. Throws code 7, and changes nothing, if a port is
 * another's who lives; the ports of dead owners are free.
 */
export function claim(record: PortRecord, environment: Environment, clearing: Clearing): void {
  const { owner, mappings } = record.forwarding;
  withLock(environment, (complete) => {
    if (!complete) complement(clearing);
    for (const dead of findDead(record)) {
      clearing.remove(dead);
      dropAll(dead.forwarding.owner);
      dropClaims(dead.forwarding.owner, dead.forwarding.mappings);
    }
    const hadRecord = dropAll(owner);
    try {
      writeFile(ownerPath(owner), recordText(record), PRIVATE);
      for (const mapping of mappings) makeClaim(owner, mapping);
    } catch (thrown) {
      dropClaims(owner, mappings);
      // What the owner had is in the kernel yet.
      if (hadRecord) removeFile(COMPLETE);
      removeFile(ownerPath(owner));
      throw thrown;
    }
  });
}

/** Removes the owner's record and its claims; nothing there is fine. */
export function release(owner: AttachmentKey, environment: Environment): void {
  withLockIfKept(environment, () => void dropAll(owner));
}

/** All records. */
export function allRecords(): PortRecord[] {
  const records = recordPaths().map(readRecord);
  return records.filter((record): record is PortRecord => record !== undefined);
}

/** Works with all records, while nobody else can record anything. Without a registry there is nothing to do. */
export function withAllRecords(environment: Environment, work: (records: PortRecord[]) => void): void {
  withLockIfKept(environment, () => work(allRecords()));
}

/** The records of a network. */
export function recordsOf(network: string): PortRecord[] {
  return allRecords().filter(({ forwarding }) => forwarding.owner.network === network);
}

/**
 * Removes what a process leaves that is killed while it writes: records that cannot be read, and claims of the network
 * whose owner has no record.
 */
export function dropStrays(network: string, environment: Environment): void {
  withLockIfKept(environment, () => {
    for (const path of recordPaths()) {
      if (readRecord(path) !== undefined) continue;
      // Whose it was, and whether they live, nobody knows.
      removeFile(COMPLETE);
      removeFile(path);
    }
    const read = recordReader();
    for (const path of pathsIn(CLAIMS)) {
      const owner = read(path)?.forwarding.owner;
      if (owner === undefined || (owner.network === network && !hasRecord(owner))) removeFile(path);
    }
  });
}

const pathsIn = (folder: string) => listDirectory(folder).map((name) => `${folder}/${name}`);
const recordPaths = () => pathsIn(OWNERS).filter((path) => path !== COMPLETE);

/** Keeps how the kernel has the owner's rules, for CHECK. */
export function keepRules(owner: AttachmentKey, text: string): void {
  makeDirectory(RULES, 0o700);
  writeFile(rulesPath(owner), text, PRIVATE);
}

/** What keepRules kept; undefined if nothing is. */
export function keptRules(owner: AttachmentKey): string | undefined {
  return readTextIfPresent(rulesPath(owner));
}
