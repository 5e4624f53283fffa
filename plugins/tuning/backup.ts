/**
 * The former settings of an interface, in a file of its attachment, for DEL. The file has the reference plugin's name and form, so each
 * plugin restores what the other has tuned. The key `network` is podwire's own: GC needs it.
 */
import { parseUnicastMac } from "../../shared/attachment/requested-mac.ts";
import { runAll } from "../../shared/cni/error.ts";
import { parseObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { isAfterList, type Kept } from "../../shared/cni/valid-attachments.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
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
import { LARGEST_MTU, LARGEST_QUEUE, type Settings, SMALLEST_MTU } from "./config.ts";

export const backupPath = (dataDir: string, { containerId, ifname }: AttachmentKey): string =>
  `${dataDir}/${containerId}_${ifname}.json`;

interface Backup {
  readonly network: string;
  readonly settings: Settings;
}

const isWithin = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

/** What a text says; undefined for a file that was not written whole. Values that no interface has are left out. */
export function parseBackup(text: string): Backup | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { network, mac, mtu, promisc, allmulti, txQLen } = value;
  const settings = {
    ...(typeof mac === "string" && parseUnicastMac(mac) !== undefined ? { mac: mac.toLowerCase() } : {}),
    ...(isWithin(mtu, SMALLEST_MTU, LARGEST_MTU) ? { mtu } : {}),
    ...(typeof promisc === "boolean" ? { promisc } : {}),
    ...(typeof allmulti === "boolean" ? { allmulti } : {}),
    ...(isWithin(txQLen, 0, LARGEST_QUEUE) ? { txQLen } : {}),
  };
  return { network: typeof network === "string" ? network : "", settings };
}

export function readBackup(dataDir: string, owner: AttachmentKey): Backup | undefined {
  const text = readOwnFile(backupPath(dataDir, owner));
  return text === undefined ? undefined : parseBackup(text);
}

/** A file that is being written, named after its network too: one that a killed call has left says nothing else. */
const draftPath = (dataDir: string, { network, containerId, ifname }: AttachmentKey): string =>
  `${dataDir}/${network}:${containerId}_${ifname}.new`;

function write(dataDir: string, owner: AttachmentKey, settings: Settings): void {
  const draft = draftPath(dataDir, owner);
  writeOwnFile(draft, JSON.stringify({ network: owner.network, ...settings }), PRIVATE);
  replaceOwnFile(draft, backupPath(dataDir, owner));
}

/**
 * Writes the former settings. Those that an earlier ADD of this attachment has written win: they are the older ones. A failure of the call
 * leaves these alone.
 */
export function writeBackup(dataDir: string, owner: AttachmentKey, former: Settings, undo: Rollback): void {
  const earlier = readBackup(dataDir, owner);
  const kept = earlier?.network === owner.network ? earlier.settings : undefined;
  makeOwnFolder(dataDir, PRIVATE_FOLDER);
  undo.onFailure(() => {
    if (kept === undefined) removeBackup(dataDir, owner);
    else write(dataDir, owner, kept);
  });
  write(dataDir, owner, { ...former, ...kept });
}

export function removeBackup(dataDir: string, owner: AttachmentKey): void {
  runAll([
    () => void removeOwnFile(draftPath(dataDir, owner)),
    () => void removeOwnFile(backupPath(dataDir, owner)),
  ]);
}

/** Whether the file is of an attachment of the network. */
function isOfNetwork(path: string, name: string, network: string): boolean {
  if (name.endsWith(".new")) return name.startsWith(`${network}:`);
  return name.endsWith(".json") && parseBackup(readOwnFile(path) ?? "")?.network === network;
}

/** GC: removes the files of the network's attachments that it does not keep. */
export function collectBackups(dataDir: string, network: string, keep: Kept): void {
  const kept = new Set(
    keep.attachments.flatMap((owner) => [backupPath(dataDir, owner), draftPath(dataDir, owner)]),
  );
  for (const name of listOwnFolder(dataDir)) {
    const path = `${dataDir}/${name}`;
    if (kept.has(path) || isAfterList(keep, linkStatus(path)?.modified)) continue;
    if (isOfNetwork(path, name, network)) removeOwnFile(path);
  }
}
