/**
 * What a device of the host was before it was moved into a container: a file of its attachment below /run, written before the move. A
 * boot removes the files, and brings all devices back.
 *
 * The alias of a moved device is its former name and nothing else, as the reference plugin needs it: each plugin gives back
 * what the other has moved. An alias also has no room for more.
 */
import { ownerHash } from "../cni/attachment.ts";
import { isObject, type JsonObject, parseObject } from "../cni/fields.ts";
import { interfaceNameProblem } from "../cni/names.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { Link } from "../netlink/link.ts";
import { namespaceName } from "../netlink/namespace-name.ts";
import { Errno } from "../system/errno.ts";
import { linkStatus } from "../system/file-status.ts";
import { SystemError } from "../system/libc.ts";
import {
  listOwnFolder,
  makeOwnFolder,
  PRIVATE,
  PRIVATE_FOLDER,
  readOwnFile,
  removeOwnFile,
  replaceOwnFile,
  writeOwnFile,
} from "../system/own-file.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

const FOLDER = "/run/podwire/devices";

/** A device as it was on the host. */
export type FormerDevice = Pick<Link, "name" | "alias" | "mtu" | "mac" | "kind">;

export interface DeviceRecord {
  readonly owner: AttachmentKey;
  readonly device: FormerDevice;
  /** The words of the configuration by which it was chosen, such as "pciBusID 0000:00:04.0". */
  readonly selector: string;
  /** Where it was moved to. */
  readonly namespace: NamespaceRecord;
}

export interface StoredRecord extends DeviceRecord {
  /** Nanoseconds since 1970. */
  readonly modified: bigint | undefined;
}

/** The files of one network namespace: another one on the same machine may be a host, too. */
const folderOf = (host: NetlinkConnection) => `${FOLDER}/${namespaceName(host)}`;
const pathOf = (host: NetlinkConnection, owner: AttachmentKey) =>
  `${folderOf(host)}/${ownerHash(owner).slice(0, 32)}.json`;

/** An object whose keys of these names are texts; undefined for any other value. */
function textsOf<Key extends string>(value: unknown, keys: readonly Key[]): Record<Key, string> | undefined {
  if (!isObject(value) || keys.some((key) => typeof value[key] !== "string")) return undefined;
  return value as Record<Key, string>;
}

function readDevice(value: unknown): FormerDevice | undefined {
  const texts = textsOf(value, ["name", "alias", "mac", "kind"]);
  const { mtu } = (value ?? {}) as JsonObject;
  if (texts === undefined || texts.name === "" || interfaceNameProblem(texts.name) !== undefined)
    return undefined;
  if (!Number.isSafeInteger(mtu) || (mtu as number) <= 0) return undefined;
  const { name, alias, mac, kind } = texts;
  return { name, alias, mac, kind, mtu: mtu as number };
}

/** What a text says; undefined for one that was not written whole. */
export function parseDeviceRecord(text: string): DeviceRecord | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const owner = textsOf(value["owner"], ["network", "containerId", "ifname"]);
  const namespace = textsOf(value["namespace"], ["path", "identity"]);
  const device = readDevice(value["device"]);
  const { selector } = value;
  if (owner === undefined || namespace === undefined || device === undefined) return undefined;
  return typeof selector === "string" ? { owner, namespace, device, selector } : undefined;
}

/** Each name of a draft begins with a dot. A call that is killed leaves a draft and no record, as it has moved nothing. */
const isDraft = (name: string) => name.startsWith(".");
const draftOf = (host: NetlinkConnection, owner: AttachmentKey) =>
  `${folderOf(host)}/.${ownerHash(owner).slice(0, 32)}`;

export function writeDeviceRecord(host: NetlinkConnection, record: DeviceRecord): void {
  makeOwnFolder(folderOf(host), PRIVATE_FOLDER);
  const draft = draftOf(host, record.owner);
  const write = () => {
    writeOwnFile(draft, JSON.stringify(record), PRIVATE);
    replaceOwnFile(draft, pathOf(host, record.owner));
  };
  try {
    write();
  } catch (thrown) {
    if (!(thrown instanceof SystemError && thrown.errno === Errno.ENOENT)) throw thrown;
    // GC has removed the draft.
    write();
  }
}

/** For GC. A call that was about to use a draft writes it again. */
export function removeDrafts(host: NetlinkConnection): void {
  for (const name of listOwnFolder(folderOf(host)).filter(isDraft))
    removeOwnFile(`${folderOf(host)}/${name}`);
}

/** The record of the attachment; undefined if it has none. */
export function readDeviceRecord(host: NetlinkConnection, owner: AttachmentKey): DeviceRecord | undefined {
  const text = readOwnFile(pathOf(host, owner));
  return text === undefined ? undefined : parseDeviceRecord(text);
}

export function removeDeviceRecord(host: NetlinkConnection, owner: AttachmentKey): void {
  removeOwnFile(draftOf(host, owner));
  removeOwnFile(pathOf(host, owner));
}

/** The records of all devices that containers of this host have. A file that says nothing is left out. */
export function listDeviceRecords(host: NetlinkConnection): StoredRecord[] {
  const folder = folderOf(host);
  return listOwnFolder(folder).flatMap((name) => {
    if (isDraft(name)) return [];
    const path = `${folder}/${name}`;
    const record = parseDeviceRecord(readOwnFile(path) ?? "");
    return record === undefined ? [] : [{ ...record, modified: linkStatus(path)?.modified }];
  });
}
