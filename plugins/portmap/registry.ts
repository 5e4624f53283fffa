/**
 * Who has which host port, on this node: files below /run, which are gone after a boot, as the rules are.
 *
 *     owners/<hash>          what is forwarded to an attachment
 *     claims/<claim>         a hard link to the record of the port's owner, such as tcp-any4-8080
 *     rules/<hash>           how the kernel has an attachment's rules (iptables/held.ts)
 *     lock
 *
 * A claim appears whole and for one owner only, whatever happens. Records are written before the packet filter is
 * changed and removed after it, so that whatever was made is found again.
 */
import { CniError, ErrorCode, messageOf } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { listDirectory, makeDirectory } from "../../shared/system/directory.ts";
import { readTextIfPresent, removeFile, writeFile } from "../../shared/system/file.ts";
import { lock, lockLimit, makeAndLock, unlock } from "../../shared/system/folder-lock.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { dropClaims, findDead, makeClaim, readRecord, recordReader } from "./claims.ts";
import { CLAIMS, hasRecord, OWNERS, ownerPath, PRIVATE, ROOT, RULES, rulesPath } from "./places.ts";
import { type PortRecord, recordText } from "./record.ts";

type Environment = Readonly<Record<string, string>>;

/** What is recorded of an owner; undefined if nothing is. */
export function recordOf(owner: AttachmentKey): PortRecord | undefined {
  return readRecord(ownerPath(owner));
}

/** Runs `work` as the only one who changes the registry, which is made if need be. */
function withLock<Value>(environment: Environment, work: () => Value): Value {
  let descriptor: number;
  try {
    descriptor = makeAndLock(ROOT, lockLimit(environment));
    for (const folder of [OWNERS, CLAIMS, RULES]) makeDirectory(folder, 0o700);
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
    return work();
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

function dropAll(owner: AttachmentKey): void {
  dropClaims(owner, recordOf(owner)?.forwarding.mappings ?? []);
  removeFile(rulesPath(owner));
  removeFile(ownerPath(owner));
}

/**
 * Records what is to be forwarded, in place of what the owner had. Throws code 7, and changes nothing, if a port is
 * another's who lives; of dead owners `remove` takes the rules away, and their ports are free.
 */
export function claim(
  record: PortRecord,
  environment: Environment,
  remove: (dead: PortRecord) => void,
): void {
  const { owner, mappings } = record.forwarding;
  withLock(environment, () => {
    for (const dead of findDead(record)) {
      remove(dead);
      dropAll(dead.forwarding.owner);
      dropClaims(dead.forwarding.owner, dead.forwarding.mappings);
    }
    dropAll(owner);
    try {
      writeFile(ownerPath(owner), recordText(record), PRIVATE);
      for (const mapping of mappings) makeClaim(owner, mapping);
    } catch (thrown) {
      dropClaims(owner, mappings);
      removeFile(ownerPath(owner));
      throw thrown;
    }
  });
}

/** Removes the owner's record and its claims; nothing there is fine. */
export function release(owner: AttachmentKey, environment: Environment): void {
  withLockIfKept(environment, () => dropAll(owner));
}

/** All records. */
export function allRecords(): PortRecord[] {
  const records = listDirectory(OWNERS).map((name) => readRecord(`${OWNERS}/${name}`));
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
    for (const path of pathsIn(OWNERS)) if (readRecord(path) === undefined) removeFile(path);
    const read = recordReader();
    for (const path of pathsIn(CLAIMS)) {
      const owner = read(path)?.forwarding.owner;
      if (owner === undefined || (owner.network === network && !hasRecord(owner))) removeFile(path);
    }
  });
}

const pathsIn = (folder: string) => listDirectory(folder).map((name) => `${folder}/${name}`);

/** Keeps how the kernel has the owner's rules, for CHECK. */
export function keepRules(owner: AttachmentKey, text: string): void {
  makeDirectory(RULES, 0o700);
  writeFile(rulesPath(owner), text, PRIVATE);
}

/** What keepRules kept; undefined if nothing is. */
export function keptRules(owner: AttachmentKey): string | undefined {
  return readTextIfPresent(rulesPath(owner));
}
