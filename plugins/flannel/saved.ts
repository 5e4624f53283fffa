/**
 * The delegate's configuration, kept for DEL. The file has the name and form of flannel's own plugin, DATADIR/CONTAINER, so each plugin
 * removes what the other has attached. That name has room for one interface of a container: a second one has a file of its own.
 * The key `podwireInterface` says whose a file is.
 */
import { isObject, type JsonObject, parseObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { isAfterList, type Kept } from "../../shared/cni/valid-attachments.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { renameToFreeName } from "../../shared/system/file.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
import { sha512 } from "../../shared/system/hash.ts";
import {
  listOwnFolder,
  makeOwnFolder,
  PRIVATE,
  PRIVATE_FOLDER,
  readOwnFile,
  removeOwnFile,
  replaceOwnFile,
  writeOwnFile,
} from "../../shared/system/own-file.ts";
import { isPlainName } from "./config.ts";

const INTERFACE = "podwireInterface";

export interface Saved {
  readonly network: string;
  readonly type: string;
  /** Undefined in a file of flannel's own plugin. */
  readonly ifname: string | undefined;
  /** The delegate's configuration. */
  readonly raw: JsonObject;
}

/** What a text says; undefined for one that names no network, or no plugins. */
export function parseSaved(text: string): Saved | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { [INTERFACE]: ifname, ...raw } = value;
  const { name, type, ipam } = raw;
  const ipamType = isObject(ipam) ? ipam["type"] : undefined;
  const types = [type, ipamType ?? "host-local"];
  const arePlain = types.every((each) => typeof each === "string" && isPlainName(each));
  if (typeof name !== "string" || typeof type !== "string" || !arePlain) return undefined;
  return { network: name, type, ifname: typeof ifname === "string" ? ifname : undefined, raw };
}

/** The name that flannel's own plugin gives the file. */
const sharedPath = (dataDir: string, { containerId }: AttachmentKey): string => `${dataDir}/${containerId}`;

/** In the names of files: a network's name may be as long as a file's. */
const networkHash = (network: string): string => sha512(network).slice(0, 16);

/** No container ID has a colon. */
const ownPath = (dataDir: string, { network, containerId, ifname }: AttachmentKey): string =>
  `${dataDir}/${containerId}:${networkHash(network)}:${ifname}`;

const readAt = (path: string): Saved | undefined => {
  const text = readOwnFile(path);
  return text === undefined ? undefined : parseSaved(text);
};

const isOf = ({ network, ifname }: Saved, owner: AttachmentKey): boolean =>
  network === owner.network && ifname === owner.ifname;

/** A file of flannel's own plugin: which interface of the container it is of, it does not say. */
const mayBeOf = ({ network, ifname }: Saved, owner: AttachmentKey): boolean =>
  network === owner.network && ifname === undefined;

/** What ADD of the attachment has kept; undefined if there is nothing, or nothing that can be read. */
export function readSaved(dataDir: string, owner: AttachmentKey): Saved | undefined {
  const shared = readAt(sharedPath(dataDir, owner));
  if (shared !== undefined && isOf(shared, owner)) return shared;
  const own = readAt(ownPath(dataDir, owner));
  if (own !== undefined && isOf(own, owner)) return own;
  return shared !== undefined && mayBeOf(shared, owner) ? shared : undefined;
}

const textOf = (raw: JsonObject, { ifname }: AttachmentKey): string =>
  JSON.stringify({ ...raw, [INTERFACE]: ifname });

/** Of a failed ADD: a repeated one must not take the file from the interface that is there. */
function bringBack(path: string, former: Saved | undefined, owner: AttachmentKey): void {
  if (former === undefined) removeOwnFile(path);
  else writeOwnFile(path, textOf(former.raw, owner), PRIVATE);
}

/** Gives the file the name that flannel's own plugin knows, unless that name is another interface's. */
function share(dataDir: string, owner: AttachmentKey, undo: Rollback): void {
  const [own, shared] = [ownPath(dataDir, owner), sharedPath(dataDir, owner)];
  const former = readAt(shared);
  if (former !== undefined && !isOf(former, owner)) return;
  undo.onFailure(() => {
    const now = readAt(shared);
    if (now !== undefined && isOf(now, owner)) bringBack(shared, former, owner);
  });
  if (former === undefined && renameToFreeName(own, shared)) return;
  // What stands there cannot be read, or another interface of the container has taken the name meanwhile.
  if (former !== undefined || readAt(shared) === undefined) replaceOwnFile(own, shared);
}

/** Keeps the delegate's configuration for DEL. A failure of the call brings back what was there before. */
export function writeSaved(dataDir: string, owner: AttachmentKey, raw: JsonObject, undo: Rollback): void {
  makeOwnFolder(dataDir, PRIVATE_FOLDER);
  const own = ownPath(dataDir, owner);
  const former = readAt(own);
  undo.onFailure(() => bringBack(own, former, owner));
  writeOwnFile(own, textOf(raw, owner), PRIVATE);
  // The second interface of a container keeps its file.
  if (former === undefined) share(dataDir, owner, undo);
}

/** Removes what is kept for the attachment, and what nothing can read in its place. */
export function removeSaved(dataDir: string, owner: AttachmentKey): void {
  const hadOwn = removeOwnFile(ownPath(dataDir, owner));
  const shared = sharedPath(dataDir, owner);
  const found = readAt(shared);
  if (found === undefined || isOf(found, owner) || (!hadOwn && mayBeOf(found, owner))) removeOwnFile(shared);
}

export interface Garbage {
  readonly path: string;
  /** Undefined for a file that was not written whole. */
  readonly saved: Saved | undefined;
}

/** The files of the network's attachments that GC does not keep. */
export function listGarbage(dataDir: string, network: string, keep: Kept): Garbage[] {
  const containers = new Set(keep.attachments.map(({ containerId }) => containerId));
  const interfaces = new Set(keep.attachments.map(({ containerId, ifname }) => `${containerId}:${ifname}`));
  const hash = networkHash(network);
  return listOwnFolder(dataDir).flatMap((name) => {
    const path = `${dataDir}/${name}`;
    const saved = readAt(path);
    const [containerId = "", inName = "", ...rest] = name.split(":");
    const isOfNetwork = saved === undefined ? inName === hash : saved.network === network;
    const ifname = saved === undefined ? rest.join(":") : saved.ifname;
    const isKept =
      ifname === undefined ? containers.has(containerId) : interfaces.has(`${containerId}:${ifname}`);
    if (!isOfNetwork || isKept || isAfterList(keep, linkStatus(path)?.modified)) return [];
    return [{ path, saved }];
  });
}

export function removeGarbage(garbage: readonly Garbage[]): void {
  for (const { path } of garbage) removeOwnFile(path);
}
