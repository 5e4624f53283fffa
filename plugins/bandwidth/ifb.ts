/**
 * The attachment's ifb device: what the container sends passes it, and is limited there. It outlives the container's namespace, so its
 * alias says whose it is.
 */
import { hasOwner, isAliasOf } from "../../shared/attachment/link-alias.ts";
import { checkKind } from "../../shared/attachment/missing-kind.ts";
import { hostLinkName, networkText, ownerText } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { type AttachmentKey, attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { Kept } from "../../shared/cni/valid-attachments.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import { deleteLink, findLink, findPeer, type Link, listLinks, setLink } from "../../shared/netlink/link.ts";
import { newLink } from "../../shared/netlink/new-link.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import { sha512 } from "../../shared/system/hash.ts";

const KIND = "ifb";
/** Follows the owner in the alias: the interface whose packets come here. */
const SHAPES = " shapes=";

/** The reference plugin's name. It is the same for all interfaces of a container in a network. */
const referenceName = ({ network, containerId }: AttachmentKey): string =>
  `bwp${sha512(network + containerId)}`.slice(0, 15);

/** The name for a second interface of the container, whose first one has the other. */
const ownName = (owner: AttachmentKey): string => hostLinkName(owner, KIND);

export const ifbNames = (owner: AttachmentKey): readonly string[] => [referenceName(owner), ownName(owner)];

/** The name for a new device. What has it now is left of this attachment, and goes. Throws code 999 if both names are taken. */
function chooseName(host: NetlinkConnection, owner: AttachmentKey): { name: string; left?: Link } {
  for (const name of ifbNames(owner)) {
    const link = findLink(host, name);
    if (link === undefined) return { name };
    if (link.kind === KIND && isAliasOf(link.alias, owner)) return { name, left: link };
  }
  const message = `the interface ${ownName(owner)} exists already, and is not of this container`;
  throw new CniError(ErrorCode.internal, message, `ip -d link show ${ownName(owner)} shows whose it is`);
}

/** Makes the device, up, for the packets of the host's end of a pair. Throws code 50 if the kernel has none. */
export function makeIfb(host: NetlinkConnection, undo: Rollback, owner: AttachmentKey, end: Link): Link {
  const { name, left } = chooseName(host, owner);
  if (left !== undefined) host.attempt(deleteLink({ index: left.index }), Errno.ENODEV);
  undo.onFailure(() => host.attempt(deleteLink({ name }), Errno.ENODEV));
  const alias = `${ownerText(owner)}${SHAPES}${end.name}`;
  try {
    // In one system call, so that a kill leaves no device without its owner.
    host.execute(
      newLink({ kind: KIND, name, mtu: end.mtu }),
      setLink({ name }, { alias, queueLength: 0, up: true }),
    );
  } catch (thrown) {
    if (thrown instanceof NetlinkError && thrown.errno === Errno.EOPNOTSUPP) checkKind(KIND);
    throw thrown;
  }
  const link = findLink(host, name);
  if (link !== undefined) return link;
  const message = `the interface ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else deletes interfaces there");
}

/** Whether a result may be of an attachment that has the device: one that does not name it proves that it has not. */
const mayReport = (result: Result | undefined, name: string): boolean =>
  result === undefined || result.interfaces.some((each) => each.name === name);

/**
 * The attachment's device; undefined without one. The reference plugin's has no alias: its name says whose it is, unless this attachment
 * has one with its own name.
 */
export function findIfb(host: NetlinkConnection, request: Request): Link | undefined {
  const owner = attachmentOf(request);
  const { prevResult } = request.configuration;
  const [first, second] = ifbNames(owner).map((name) => findLink(host, name));
  for (const link of [first, second]) if (link?.kind === KIND && isAliasOf(link.alias, owner)) return link;
  const isReferences = first?.kind === KIND && !hasOwner(first.alias) && mayReport(prevResult, first.name);
  return isReferences ? first : undefined;
}

/** The owner's text and the limited interface, by the alias. */
function partsOf(alias: string): readonly [string, string] {
  const at = alias.lastIndexOf(SHAPES);
  return at < 0 ? [alias, ""] : [alias.slice(0, at), alias.slice(at + SHAPES.length)];
}

/** The interface that a device limits, as its alias says; undefined if it does not, or if that is gone. */
export function findShaped(host: NetlinkConnection, { alias }: Link): Link | undefined {
  const [, name] = partsOf(alias);
  return name === "" ? undefined : findLink(host, name);
}

/**
 * For GC: the devices of the network's attachments that are not kept. A device has no time: of a list that may be old, one whose
 * container still has its pair counts as newer.
 */
export function findStaleIfbs(
  host: NetlinkConnection,
  network: string,
  { attachments, since }: Kept,
): Link[] {
  const kept = new Set(attachments.map(ownerText));
  const isAlive = (ifb: Link): boolean => {
    const end = since === undefined ? undefined : findShaped(host, ifb);
    return end !== undefined && findPeer(host, end) !== undefined;
  };
  return listLinks(host).filter(
    (link) =>
      link.kind === KIND &&
      link.alias.startsWith(networkText(network)) &&
      !kept.has(partsOf(link.alias)[0]) &&
      !isAlive(link),
  );
}
