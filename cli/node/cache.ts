/**
 * libcni's cache of attachments (libcni/api.go, cachedInfo): one JSON file each in /var/lib/cni/results. podwire,
 * cnitool, containerd and CRI-O share it, so that each can finish what another began.
 */
import { fromByteArray, toByteArray } from "base64-js";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
import { makeOwnFolder, removeOwnFile, replaceOwnFile, writeOwnFile } from "../../shared/system/own-file.ts";
import { processId } from "../../shared/system/own-process.ts";
import { join } from "../../shared/system/path.ts";
import { decodeText, encodeText } from "../../shared/system/text.ts";
import { entriesIn } from "./folder-entries.ts";
import { mayBeThere, readRegularFile } from "./regular-file.ts";

export const CACHE_FOLDER = "/var/lib/cni";
const KIND = "cniCacheV1";

export interface CachedAttachment extends AttachmentKey {
  /** Empty if none was given. */
  readonly netns: string;
  /** The network's configuration as text. */
  readonly configuration: string;
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: JsonObject;
  readonly result: JsonObject | undefined;
  /** When it was written. */
  readonly modified: Date;
}

const resultsFolder = (folder: string) => join(folder, "results");

function fileOf(folder: string, { network, containerId, ifname }: AttachmentKey): string {
  return join(resultsFolder(folder), `${network}-${containerId}-${ifname}`);
}

const isPair = (value: unknown): value is [string, string] =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");

/** Returns an empty text for broken base64: the attachment is still known. */
function decode(base64: string): string {
  try {
    return decodeText(toByteArray(base64));
  } catch {
    return "";
  }
}

/** Reads a file of the cache; undefined if it has another format or is cut. */
function parse(text: string, modified: Date): CachedAttachment | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value["kind"] !== KIND) return undefined;
    const fields = new Fields(value);
    const result = value["result"];
    const capabilityArgs = value["capabilityArgs"];
    return {
      network: fields.text("networkName") ?? "",
      containerId: fields.text("containerId") ?? "",
      ifname: fields.text("ifName") ?? "",
      netns: fields.text("netns") ?? "",
      configuration: decode(fields.text("config") ?? ""),
      args: (fields.list("cniArgs") ?? []).filter(isPair),
      capabilityArgs: isObject(capabilityArgs) ? capabilityArgs : {},
      result: isObject(result) ? result : undefined,
      modified,
    };
  } catch {
    return undefined;
  }
}

/** Reads the old format without "kind": the file is the result alone. */
function parseOld(text: string, key: AttachmentKey, modified: Date): CachedAttachment | undefined {
  try {
    const result: unknown = JSON.parse(text);
    if (!isObject(result) || "kind" in result || !("cniVersion" in result)) return undefined;
    return { ...key, netns: "", configuration: "", args: [], capabilityArgs: {}, result, modified };
  } catch {
    return undefined;
  }
}

/** Undefined if the file is missing, or of another kind. Throws SystemError if it cannot be read: an attachment may be in it. */
function readFile(file: string): ReturnType<typeof readRegularFile> | undefined {
  try {
    return readRegularFile(file);
  } catch (thrown) {
    if (mayBeThere(thrown)) throw thrown;
    return undefined;
  }
}

/** True if the attachment has a file in the cache, readable or not. */
export function isCached(key: AttachmentKey, folder = CACHE_FOLDER): boolean {
  return linkStatus(fileOf(folder, key)) !== undefined;
}

/** Reads an attachment from the cache; undefined if its file is missing or broken. Throws if it cannot be read. */
export function readCached(key: AttachmentKey, folder = CACHE_FOLDER): CachedAttachment | undefined {
  const read = readFile(fileOf(folder, key));
  if (read === undefined) return undefined;
  return parse(read.text, read.modified) ?? parseOld(read.text, key, read.modified);
}

/**
 * All attachments of the cache, sorted by file name, without broken files. Throws if the folder or a file exists but cannot
 * be read: a list without it would make GC remove living attachments.
 */
export function listCached(folder = CACHE_FOLDER): CachedAttachment[] {
  return entriesIn(resultsFolder(folder))
    .map(({ name }) => name)
    .sort()
    .map((name) => readFile(join(resultsFolder(folder), name)))
    .map((read) => (read === undefined ? undefined : parse(read.text, read.modified)))
    .filter((entry) => entry !== undefined)
    .filter(({ network, containerId, ifname }) => network !== "" && containerId !== "" && ifname !== "");
}

/** The text of a file, with libcni's keys, their order and its omissions. */
function contentOf(entry: Omit<CachedAttachment, "modified">): string {
  const { network, containerId, ifname, netns, configuration, args, capabilityArgs, result } = entry;
  return JSON.stringify({
    kind: KIND,
    containerId,
    config: fromByteArray(encodeText(configuration)),
    ifName: ifname,
    networkName: network,
    ...(netns === "" ? {} : { netns }),
    ...(args.length === 0 ? {} : { cniArgs: args }),
    ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
    ...(result === undefined ? {} : { result }),
  });
}

/** Writes an attachment to the cache; the file is whole or absent. */
export function writeCached(entry: Omit<CachedAttachment, "modified">, folder = CACHE_FOLDER): void {
  makeOwnFolder(resultsFolder(folder), 0o700);
  // Beside the folder: its readers take every file in it for an attachment.
  const temporary = join(folder, `.podwire-${processId()}`);
  try {
    writeOwnFile(temporary, contentOf(entry), 0o600);
    replaceOwnFile(temporary, fileOf(folder, entry));
  } finally {
    removeOwnFile(temporary);
  }
}

/** Removes an attachment from the cache. Succeeds if it is missing. */
export function removeCached(key: AttachmentKey, folder = CACHE_FOLDER): void {
  removeOwnFile(fileOf(folder, key));
}
