/** The interface that an attachment owns, made: with a name or an alias by which it is found again (owned-link.ts). */
import { hostLinkName, ownerText } from "../cni/attachment.ts";
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import { deleteLink, findLink, type Link, readLink } from "../netlink/link.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { moveLink } from "../netlink/move-link.ts";
import type { Rollback } from "../rollback.ts";
import { Errno } from "../system/errno.ts";
import type { HostChange } from "./host-change.ts";
import { checkKind, missingKind } from "./missing-kind.ts";

/** The new link: from the kernel's echo (since 6.2), or by its name. */
function madeLink(netlink: NetlinkConnection, name: string, [echo]: readonly Uint8Array[]): Link {
  const link = echo === undefined ? findLink(netlink, name) : readLink(echo);
  if (link !== undefined) return link;
  const message = `the interface ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else deletes interfaces there");
}

/**
 * A link with that name is left of this very attachment: ADD was killed, or the container's namespace was exchanged without DEL.
 * CNI_IFNAME is free, so no container uses it: it is replaced.
 */
function replaceLink(
  netlink: NetlinkConnection,
  name: string,
  kind: string,
  messages: readonly NetlinkMessage[],
): readonly Uint8Array[] {
  try {
    return netlink.execute(...messages);
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    if (thrown.errno === Errno.EOPNOTSUPP) checkKind(kind);
    if (thrown.errno !== Errno.EEXIST) throw thrown;
    netlink.attempt(deleteLink({ name }), Errno.ENODEV);
    return netlink.execute(...messages);
  }
}

export interface NewHostLink {
  readonly owner: AttachmentKey;
  readonly kind: string;
  /** The first message creates the link of that name. One of the others gives it an alias that begins with ownerText. */
  readonly messages: (name: string) => readonly NetlinkMessage[];
}

/** Makes a link on the host, or a pair with one end there. It has a name that is made from its owner. */
export function createOnHost({ netlink, undo }: HostChange, { owner, kind, messages }: NewHostLink): Link {
  const name = hostLinkName(owner, kind);
  undo.onFailure(() => netlink.attempt(deleteLink({ name }), Errno.ENODEV));
  return step(kind, () => madeLink(netlink, name, replaceLink(netlink, name, kind, messages(name))));
}

export interface NewInsideLink {
  readonly owner: AttachmentKey;
  readonly kind: string;
  /**
   * The message that creates the link in the container under that name, which is not CNI_IFNAME yet. Undefined if the function has
   * created it itself, as with tap devices.
   */
  readonly create: (name: string) => NetlinkMessage | undefined;
  /** Where the message is sent: the host's connection if it names a device of the host by index; else the container's. */
  readonly netlink?: NetlinkConnection;
}

function sendNew(netlink: NetlinkConnection, kind: string, message: NetlinkMessage): readonly Uint8Array[] {
  const [answer] = netlink.transact([message]);
  if (answer?.error !== undefined) throw missingKind(kind, answer.error);
  return answer?.bodies ?? [];
}

/** Creates the link under the name. One that has it was left by a killed ADD of this attachment. */
function createAs(container: Container, name: string, wanted: NewInsideLink): Link {
  const { kind, create, netlink = container.netlink } = wanted;
  container.netlink.attempt(deleteLink({ name }), Errno.ENODEV);
  const message = create(name);
  return madeLink(container.netlink, name, message === undefined ? [] : sendNew(netlink, kind, message));
}

/**
 * Makes a link that is in the container only. It has a name that is made from its owner until one message gives it CNI_IFNAME, which
 * must be free, and the owner as its alias: after a kill DEL knows it by either. Throws code 50 if the kernel does not have the kind.
 */
export function createInside(container: Container, undo: Rollback, wanted: NewInsideLink): Link {
  const { owner, kind } = wanted;
  const { netlink } = container;
  const first = hostLinkName(owner, kind);
  let made: Link | undefined;
  undo.onFailure(() => {
    const target = made === undefined ? { name: first } : { index: made.index };
    netlink.attempt(deleteLink(target), Errno.ENODEV);
  });
  return step(kind, () => {
    made = createAs(container, first, wanted);
    const alias = ownerText(owner);
    netlink.execute(moveLink(made.index, { name: owner.ifname, alias }));
    return { ...made, name: owner.ifname, alias };
  });
}
