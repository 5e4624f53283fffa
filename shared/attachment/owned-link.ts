/** The interface that an attachment owns: found and removed, by the place and the kind that its plugin declares. */
import { hostLinkName, networkText } from "../cni/attachment.ts";
import { type Container, openContainerIfPresent } from "../cni/container.ts";
import { type CniError, runAll } from "../cni/error.ts";
import { attachmentOf, type OwnedLink, type Request } from "../cni/plugin.ts";
import type { Kept } from "../cni/valid-attachments.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { deleteLink, findLink, findPeer, type Link, listLinks } from "../netlink/link.ts";
import { Errno } from "../system/errno.ts";
import { isAliasOf } from "./link-alias.ts";
import { collectMovedDevices, returnDevice } from "./moved-device.ts";
import { isOwnLink } from "./ownership.ts";

type MadeLink = Exclude<OwnedLink, { place: "moved" }>;

/** What the removal of a link has found. */
export interface RemovedLink {
  /** Of the link on the host; undefined if there was none. */
  readonly alias?: string;
  /** Whether the container has other links of the kind. True if it was not looked at. */
  readonly hasSiblings: boolean;
  /** What a device that was given back could not be made again. */
  readonly told?: readonly CniError[];
}

/** A link that a killed ADD has not given CNI_IFNAME yet: its name is made from its owner (create-link.ts). */
function findUnfinished(request: Request, { kind }: MadeLink, { netlink }: Container): Link | undefined {
  const link = findLink(netlink, hostLinkName(attachmentOf(request), kind));
  return link?.kind === kind ? link : undefined;
}

function findOwn(
  request: Request,
  owned: MadeLink,
  container: Container,
  host?: NetlinkConnection,
): Link | undefined {
  const { netlink } = container;
  const link = findLink(netlink, request.ifname);
  const ofPair = owned.place === "pair" ? host : undefined;
  if (link?.kind === owned.kind && isOwnLink(request, netlink, link, ofPair)) return link;
  return owned.place === "container" ? findUnfinished(request, owned, container) : undefined;
}

/** Removes the interface from inside. */
function removeInside(request: Request, owned: MadeLink, host?: NetlinkConnection): RemovedLink {
  const container = openContainerIfPresent(request);
  if (container === undefined) return { hasSiblings: false };
  const { netlink } = container;
  const { ifname } = request;
  try {
    const link = findOwn(request, owned, container, host);
    if (link !== undefined) netlink.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
    // Only the removal of a masquerade needs it, and only pairs have one.
    const others = owned.place === "pair" ? listLinks(netlink) : [];
    return { hasSiblings: others.some(({ kind, name }) => kind === owned.kind && name !== ifname) };
  } finally {
    container.close();
  }
}

function onHost<Value>(work: (host: NetlinkConnection) => Value): Value {
  const host = new NetlinkConnection(Protocol.route);
  try {
    return work(host);
  } finally {
    host.close();
  }
}

/** Removes the link by its end on the host, which needs no namespace. If that is gone, removes a pair from inside. */
function removeFromHost(request: Request, owned: MadeLink, host: NetlinkConnection): RemovedLink {
  const owner = attachmentOf(request);
  const link = findLink(host, hostLinkName(owner, owned.kind));
  // Between the creation of a link and its alias, a kill may come.
  if (link === undefined || (link.alias !== "" && !isAliasOf(link.alias, owner)))
    return owned.place === "pair" ? removeInside(request, owned, host) : { hasSiblings: true };
  host.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
  return { alias: link.alias, hasSiblings: true };
}

/** Removes the attachment's link, or gives the moved device back. Succeeds on what is gone. Leaves links of other attachments alone. */
export function removeOwnedLink(request: Request, owned: OwnedLink): RemovedLink {
  if (owned.place === "container") return removeInside(request, owned);
  return onHost((host) => {
    if (owned.place !== "moved") return removeFromHost(request, owned, host);
    return { hasSiblings: true, told: returnDevice(request, host) };
  });
}

/**
 * GC: removes the network's links on the host whose attachment is not kept. A link in a container's namespace is not looked
 * for: it goes with the namespace. A link has no time; of a list that may be old, a pair with both ends counts as newer.
 */
export function collectOwnedLinks(owned: OwnedLink, network: string, kept: Kept): void {
  const { attachments, since } = kept;
  if (owned.place === "container") return;
  onHost((host) => {
    if (owned.place === "moved") return collectMovedDevices(host, network, kept);
    const names = new Set(attachments.map((owner) => hostLinkName(owner, owned.kind)));
    const isAlive = (link: Link) => since !== undefined && findPeer(host, link) !== undefined;
    const isStale = (link: Link) =>
      link.kind === owned.kind &&
      link.alias.startsWith(networkText(network)) &&
      !names.has(link.name) &&
      !isAlive(link);
    const stale = listLinks(host).filter(isStale);
    runAll(
      stale.map(
        ({ index }) =>
          () =>
            void host.attempt(deleteLink({ index }), Errno.ENODEV),
      ),
    );
  });
}
