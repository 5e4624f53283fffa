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
import { isAlive } from "../../shared/attachment/liveness.ts";
import { ownerHash, ownerText } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode, messageOf } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { listDirectory, makeDirectory } from "../../shared/system/directory.ts";
import { linkToFreeName, readTextIfPresent, removeFile, writeFile } from "../../shared/system/file.ts";
import { fileExists } from "../../shared/system/file-status.ts";
import { lock, lockLimit, makeAndLock, unlock } from "../../shared/system/folder-lock.ts";
import { SystemError } from "../../shared/system/libc.ts";
import type { Mapping } from "./adaptor.ts";
import { CLAIMS, OWNERS, ownerPath, ROOT, RULES } from "./places.ts";
import { describeMapping } from "./port-requests.ts";
import { type PortRecord, parseRecord, recordText } from "./record.ts";

const PRIVATE = 0o600;

type Environment = Readonly<Record<string, string>>;

const rulesPath = (owner: AttachmentKey) => `${RULES}/${ownerHash(owner)}`;

function claimPath({ protocol, family, hostIp, hostPort }: Mapping): string {
  return `${CLAIMS}/${protocol}-${hostIp === undefined ? `any${family}` : formatIp(hostIp)}-${hostPort}`;
}

const isSameOwner = (one: AttachmentKey, other: AttachmentKey) => ownerText(one) === ownerText(other);

function readRecord(path: string): PortRecord | undefined {
  const text = readTextIfPresent(path);
  return text === undefined ? undefined : parseRecord(text);
}

/** What is recorded of an owner; undefined if nothing is. */
export function recordOf(owner: AttachmentKey): PortRecord | undefined {
  return readRecord(ownerPath(owner));
}

/** Whether anything was ever recorded on this node since it booted. */
export function isKept(): boolean {
  return fileExists(OWNERS);
}

/** Whether any attachment has exactly this port. */
export function isClaimed(mapping: Mapping): boolean {
  return fileExists(claimPath(mapping));
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

/** Whether the interface the ports lead to is still there. */
export function isOwnerAlive({ forwarding, namespace }: PortRecord): boolean {
  const { owner, targets } = forwarding;
  const placement = { ifname: owner.ifname, ...(namespace === undefined ? {} : { namespace }) };
  return targets.some(({ address }) => isAlive(placement, formatIp(address)));
}

function conflict(mapping: Mapping, { owner }: PortRecord["forwarding"]): CniError {
  const { network, containerId, ifname } = owner;
  return new CniError(
    ErrorCode.invalidConfiguration,
    `${describeMapping(mapping)} is taken by the interface ${ifname} of container ${containerId} on the network ${network}`,
    "ask for another host port or another hostIP, or remove that container",
  );
}

/** Takes a claim file away if it is the owner's. */
function dropClaim(owner: AttachmentKey, path: string): void {
  const held = readRecord(path);
  // One that cannot be read names nobody: it is of a process that was killed while it wrote.
  if (held === undefined || isSameOwner(held.forwarding.owner, owner)) removeFile(path);
}

function dropAll(owner: AttachmentKey): void {
  const record = recordOf(owner);
  for (const mapping of record?.forwarding.mappings ?? []) dropClaim(owner, claimPath(mapping));
  removeFile(rulesPath(owner));
  removeFile(ownerPath(owner));
}

/** The dead owners in the way. Throws code 7 if one lives. */
function findDead(record: PortRecord): PortRecord[] {
  const dead = new Map<string, PortRecord>();
  for (const mapping of record.forwarding.mappings) {
    const holder = readRecord(claimPath(mapping));
    if (holder === undefined || isSameOwner(holder.forwarding.owner, record.forwarding.owner)) continue;
    if (isOwnerAlive(holder)) throw conflict(mapping, holder.forwarding);
    dead.set(ownerText(holder.forwarding.owner), holder);
  }
  return [...dead.values()];
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
      for (const mapping of dead.forwarding.mappings) dropClaim(dead.forwarding.owner, claimPath(mapping));
    }
    dropAll(owner);
    try {
      writeFile(ownerPath(owner), recordText(record), PRIVATE);
      for (const mapping of mappings) makeClaim(owner, claimPath(mapping));
    } catch (thrown) {
      for (const mapping of mappings) dropClaim(owner, claimPath(mapping));
      removeFile(ownerPath(owner));
      throw thrown;
    }
  });
}

function makeClaim(owner: AttachmentKey, path: string): void {
  if (linkToFreeName(ownerPath(owner), path)) return;
  // Free by now, but for what is left of this very owner, or of nobody.
  dropClaim(owner, path);
  if (linkToFreeName(ownerPath(owner), path)) return;
  throw new CniError(ErrorCode.internal, `${path} belongs to another`, "remove it if its owner is gone");
}

/** Removes the owner's record and its claims; nothing there is fine. */
export function release(owner: AttachmentKey, environment: Environment): void {
  const descriptor = lock(ROOT, lockLimit(environment));
  if (descriptor === undefined) return;
  try {
    dropAll(owner);
  } finally {
    unlock(descriptor);
  }
}

/** All records. */
export function allRecords(): PortRecord[] {
  const records = listDirectory(OWNERS).map((name) => readRecord(`${OWNERS}/${name}`));
  return records.filter((record): record is PortRecord => record !== undefined);
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
  const descriptor = lock(ROOT, lockLimit(environment));
  if (descriptor === undefined) return;
  try {
    for (const path of pathsIn(OWNERS)) if (readRecord(path) === undefined) removeFile(path);
    for (const path of pathsIn(CLAIMS)) {
      const owner = readRecord(path)?.forwarding.owner;
      if (owner === undefined || (owner.network === network && recordOf(owner) === undefined))
        removeFile(path);
    }
  } finally {
    unlock(descriptor);
  }
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
