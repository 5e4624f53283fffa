/** A device of the host that a container has for as long as it is attached: moved there, and given back. */
import { ownerText } from "../cni/attachment.ts";
import { type Container, openContainerIfPresent } from "../cni/container.ts";
import { CniError, ErrorCode, raise, runAll } from "../cni/error.ts";
import { type AttachmentKey, attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { isAfterList, type Kept } from "../cni/valid-attachments.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLink, type Link, listLinks, setLink } from "../netlink/link.ts";
import { moveLink } from "../netlink/move-link.ts";
import { Errno } from "../system/errno.ts";
import { namespaceIdentity } from "../system/netns.ts";
import {
  type DeviceRecord,
  type FormerDevice,
  listDeviceRecords,
  readDeviceRecord,
  removeDeviceRecord,
  removeDrafts,
  type StoredRecord,
  writeDeviceRecord,
} from "./device-record.ts";
import type { HostChange } from "./host-change.ts";
import { describeNamespace } from "./liveness.ts";
import { findElsewhere } from "./nested-device.ts";
import { returnOfReference } from "./reference-device.ts";
import { findInside, findReturned, isMarked, moveToHost, restoreDevice } from "./restored-device.ts";
import { waitForReturn } from "./returning-device.ts";

/** The namespace in which the device was put, if one of the paths still leads there. */
function openFormer({ namespace }: DeviceRecord, paths: readonly string[]): Container | undefined {
  for (const netns of new Set(paths)) {
    const container = openContainerIfPresent({ netns });
    if (container === undefined) continue;
    if (namespaceIdentity(container.namespace) === namespace.identity) return container;
    container.close();
  }
  return undefined;
}

/** The device on the host as it was left there, or came back. */
function findOnHost(host: NetlinkConnection, record: DeviceRecord): Link | undefined {
  const link = findLink(host, record.device.name);
  return link !== undefined && isMarked(link, record) ? link : findReturned(listLinks(host), record);
}

/** It was not moved yet, or is what it was. */
function isAtHome(host: NetlinkConnection, record: DeviceRecord): boolean {
  const { name, mac, kind } = record.device;
  const link = findLink(host, name);
  return link !== undefined && !isMarked(link, record) && link.mac === mac && link.kind === kind;
}

interface Search {
  /** Paths that may lead to the container's namespace. */
  readonly paths: readonly string[];
  /** Whether a physical device is waited for: the kernel returns it in its own time when a namespace ends. */
  readonly waits: boolean;
}

/** The records of other attachments that name the device: they had it before, or of two ADDs at once they came second. */
const claims = (host: NetlinkConnection, { owner, device: { name, mac } }: DeviceRecord): DeviceRecord[] =>
  listDeviceRecords(host).filter(
    (other) =>
      other.device.name === name && other.device.mac === mac && ownerText(other.owner) !== ownerText(owner),
  );

const isClaimed = (host: NetlinkConnection, record: DeviceRecord): boolean => claims(host, record).length > 0;

function bring(host: NetlinkConnection, record: DeviceRecord, { paths, waits }: Search): Link | undefined {
  const container = openFormer(record, paths);
  try {
    const inside = container && findInside(listLinks(container.netlink), record);
    if (container !== undefined && inside !== undefined) moveToHost(container, inside, record.device);
    const returned = findOnHost(host, record);
    if (returned !== undefined) return returned;
    if (isClaimed(host, record)) return undefined;
    const isMoved = findElsewhere(record, container !== undefined, (netlink, link) =>
      moveToHost({ netlink }, link, record.device),
    );
    if (isMoved) return findOnHost(host, record);
    return waits && record.device.kind === "" ? waitForReturn(host, record) : undefined;
  } finally {
    container?.close();
  }
}

/** Gives a device back. The record goes when the device is what it was, or is gone. Returns what it could not be made again. */
function giveBack(host: NetlinkConnection, record: DeviceRecord, search: Search): CniError[] {
  const isHome = isAtHome(host, record);
  const link = isHome ? undefined : bring(host, record, search);
  const told = link === undefined ? [] : restoreDevice(host, link, record.device);
  // A physical device that is nowhere may come back later: the next GC, or ADD of the device, needs the record.
  const isAwaited = !isHome && link === undefined && record.device.kind === "" && !isClaimed(host, record);
  if (!isAwaited) removeDeviceRecord(host, record.owner);
  return told;
}

/**
 * DEL: gives the attachment's device back, wherever it is. It is down then. Returns an error for what it could not be made again: the
 * container is detached all the same.
 */
export function returnDevice(request: Request, host: NetlinkConnection): CniError[] {
  const record = readDeviceRecord(host, attachmentOf(request));
  if (record === undefined) {
    // A record that was not written whole: nothing was moved.
    removeDeviceRecord(host, attachmentOf(request));
    return returnOfReference(request, host);
  }
  return giveBack(host, record, { paths: [request.netns, record.namespace.path], waits: true });
}

/** Whether the namespace in which a device was put is there. */
const isHeld = ({ namespace: { path, identity } }: DeviceRecord): boolean =>
  describeNamespace(path)?.identity === identity;

/**
 * GC: the same for the devices of the network's attachments that are not kept. Of a list that may be old, a device whose namespace lives
 * counts as newer.
 */
export function collectMovedDevices(host: NetlinkConnection, network: string, kept: Kept): void {
  removeDrafts(host);
  const isKept = ({ containerId, ifname }: AttachmentKey) =>
    kept.attachments.some((each) => each.containerId === containerId && each.ifname === ifname);
  const isNewer = (record: StoredRecord) =>
    kept.since !== undefined && (isAfterList(kept, record.modified) || isHeld(record));
  const stale = listDeviceRecords(host).filter(
    (record) => record.owner.network === network && !isKept(record.owner) && !isNewer(record),
  );
  const giveBackAll = stale.map((record) => () => {
    const told = giveBack(host, record, { paths: [record.namespace.path], waits: false });
    runAll(told.map((error) => () => raise(error)));
  });
  runAll(giveBackAll);
}

/** Whether the container in which a device was put has it. */
function isInside(record: DeviceRecord): boolean {
  const container = openFormer(record, [record.namespace.path]);
  try {
    return container !== undefined && findInside(listLinks(container.netlink), record) !== undefined;
  } finally {
    container?.close();
  }
}

/**
 * ADD of a device that another attachment had: makes it what it was if it is on the host, or is about to come there. False if that attachment
 * has it still.
 */
export function fetchReturned(host: NetlinkConnection, record: DeviceRecord): boolean {
  if (isInside(record)) return false;
  const isReturning = record.device.kind === "" && !isHeld(record);
  const link = findOnHost(host, record) ?? (isReturning ? waitForReturn(host, record) : undefined);
  if (link === undefined) return false;
  restoreDevice(host, link, record.device);
  removeDeviceRecord(host, record.owner);
  return true;
}

/** Takes a move back: the device is what it was, and up if it was. Addresses that it had do not come back. */
function undoMove(container: Container, host: NetlinkConnection, record: DeviceRecord, wasUp: boolean): void {
  const inside = listLinks(container.netlink).find((link) => isMarked(link, record));
  if (inside !== undefined) moveToHost(container, inside, record.device);
  const outside = findOnHost(host, record);
  if (outside !== undefined) {
    restoreDevice(host, outside, record.device);
    if (wasUp) host.execute(setLink({ index: outside.index }, { up: true }));
  }
  removeDeviceRecord(host, record.owner);
}

const formerOf = ({ name, alias, mtu, mac, kind }: Link): FormerDevice => ({ name, alias, mtu, mac, kind });

function refusedMove({ name, kind }: Link, thrown: unknown): unknown {
  const errno = thrown instanceof Error && "errno" in thrown ? thrown.errno : undefined;
  if (errno !== Errno.EINVAL) return thrown;
  const message = `the device ${name}${kind === "" ? "" : ` (${kind})`} cannot be moved into a container`;
  const advice =
    "the kernel keeps devices of this kind in their namespace (ethtool -k: netns-local); a wireless device moves with iw phy";
  return new CniError(ErrorCode.invalidConfiguration, message, advice, thrown);
}

/**
 * Moves a device of the host into the container, where it is called CNI_IFNAME, which must be free. It is down then. `selector` says how the
 * configuration chose it.
 */
export function moveDevice(
  container: Container,
  { netlink: host, undo }: HostChange,
  device: Link,
  { owner, selector }: Pick<DeviceRecord, "owner" | "selector">,
): Link {
  const { path, descriptor } = container.namespace;
  const namespace = { path, identity: namespaceIdentity(container.namespace) };
  const record = { owner, device: formerOf(device), selector, namespace };
  undo.onFailure(() => undoMove(container, host, record, device.isUp));
  step("device", () => {
    writeDeviceRecord(host, record);
    try {
      const alias = device.name;
      host.execute(moveLink(device.index, { namespace: descriptor, name: owner.ifname, alias }));
    } catch (thrown) {
      throw refusedMove(device, thrown);
    }
    for (const other of claims(host, record)) removeDeviceRecord(host, other.owner);
  });
  const link = findLink(container.netlink, owner.ifname);
  if (link !== undefined) return link;
  const message = `the device ${device.name} vanished while it was moved`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else on this node moves interfaces");
}
