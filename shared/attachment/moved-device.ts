/** A device of the host that a container has for as long as it is attached: moved there, and given back. */
import { type Container, openContainerIfPresent } from "../cni/container.ts";
import { CniError, ErrorCode, runAll } from "../cni/error.ts";
import { type AttachmentKey, attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLink, type Link, listLinks, setLink } from "../netlink/link.ts";
import { moveLink } from "../netlink/move-link.ts";
import { Errno } from "../system/errno.ts";
import { ownNamespaceDescriptor } from "../system/netns.ts";
import type { HostChange } from "./host-change.ts";
import { deviceAlias, deviceNameIn, hasOwner, isAliasOf, isStaleAlias } from "./link-alias.ts";
import { isProvablyOwn } from "./ownership.ts";

/** The name of a device whose former name has been taken: the kernel's choice when a namespace ends (net/core/dev.c). */
const OTHER_NAME = "dev%d";
const isOtherName = (name: string) => /^dev\d+$/.test(name);

/** Gives a device that is on the host its former name, and takes the owner out of its alias. */
function restoreName(host: NetlinkConnection, { index, name, alias }: Link, formerAlias = ""): void {
  const former = deviceNameIn(alias) ?? name;
  const rename = (to: string) =>
    host.attempt(moveLink(index, { name: to, alias: formerAlias }), Errno.EEXIST, Errno.ENODEV);
  if (rename(former)?.errno === Errno.EEXIST) rename(isOtherName(name) ? name : OTHER_NAME);
}

/** Moves a device to the host. There it keeps its alias until it has its name, so that a second try finds it. */
function moveToHost({ netlink }: Container, { index, name, alias }: Link): void {
  const namespace = ownNamespaceDescriptor();
  const former = deviceNameIn(alias) ?? name;
  const refused = netlink.attempt(
    moveLink(index, { namespace, name: former, alias }),
    Errno.EEXIST,
    Errno.ENODEV,
  );
  // If it was not moved, both names are taken on the host. If it was, the index is not found here any more.
  if (refused?.errno === Errno.EEXIST)
    netlink.attempt(moveLink(index, { namespace, name: OTHER_NAME, alias }), Errno.ENODEV);
}

const ofOwner = (links: readonly Link[], owner: AttachmentKey) =>
  links.find(({ alias }) => isAliasOf(alias, owner));

/** A device that the reference plugin has moved: the alias is its former name. */
function ofReference(links: readonly Link[], request: Request, { netlink }: Container): Link | undefined {
  const link = links.find(({ name }) => name === request.ifname);
  const isMoved = link !== undefined && link.alias !== "" && !hasOwner(link.alias);
  return isMoved && isProvablyOwn(request, netlink, link) ? link : undefined;
}

function findInside(container: Container, request: Request): Link | undefined {
  const links = listLinks(container.netlink);
  return ofOwner(links, attachmentOf(request)) ?? ofReference(links, request, container);
}

/** Gives a device that has come to the host its former name. */
function finishReturn(host: NetlinkConnection, moved: Link): void {
  const link = listLinks(host).find(({ alias, mac }) => alias === moved.alias && mac === moved.mac);
  if (link !== undefined) restoreName(host, link);
}

/**
 * DEL: gives the attachment's device back, from the container or, if the kernel has brought it back with the end of the namespace, its
 * name only. The device is down then. If its name is taken, it gets another one.
 */
export function returnDevice(request: Request, host: NetlinkConnection): void {
  const owner = attachmentOf(request);
  const container = openContainerIfPresent(request);
  try {
    const inside = container && findInside(container, request);
    if (container !== undefined && inside !== undefined) moveToHost(container, inside);
    const outside = inside ?? ofOwner(listLinks(host), owner);
    if (outside !== undefined) finishReturn(host, outside);
  } finally {
    container?.close();
  }
}

/** GC: the same for devices on the host whose attachment is gone with its namespace, and is not in `keep`. */
export function collectMovedDevices(
  host: NetlinkConnection,
  network: string,
  keep: readonly AttachmentKey[],
): void {
  const stale = listLinks(host).filter(
    ({ alias }) => isStaleAlias(alias, network, keep) && deviceNameIn(alias) !== undefined,
  );
  runAll(stale.map((link) => () => restoreName(host, link)));
}

/** Takes a move back: the device has its name, its alias and its state again. Addresses that it had do not come back. */
function undoMove(container: Container, host: NetlinkConnection, device: Link, owner: AttachmentKey): void {
  const inside = ofOwner(listLinks(container.netlink), owner);
  if (inside !== undefined) moveToHost(container, inside);
  const outside = ofOwner(listLinks(host), owner);
  if (outside === undefined) return;
  restoreName(host, outside, device.alias);
  if (device.isUp) host.execute(setLink({ index: outside.index }, { up: true }));
}

/**
 * Moves a device of the host into the container, where it is called CNI_IFNAME, which must be free. Its alias keeps its name. It is
 * down then.
 */
export function moveDevice(
  container: Container,
  { netlink, undo }: HostChange,
  device: Link,
  owner: AttachmentKey,
): Link {
  const alias = deviceAlias(owner, device.name);
  const { index } = device;
  undo.onFailure(() => undoMove(container, netlink, device, owner));
  const { descriptor: namespace } = container.namespace;
  step("device", () =>
    // The alias first: from here on the device is found, wherever it is.
    netlink.execute(setLink({ index }, { alias }), moveLink(index, { namespace, name: owner.ifname, alias })),
  );
  const link = findLink(container.netlink, owner.ifname);
  if (link !== undefined) return link;
  const message = `the device ${device.name} vanished while it was moved`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else on this node moves interfaces");
}
