/** How an attachment (network, container, interface) is named on the host: for machines and for people. */

import { sha512 } from "../system/hash.ts";
import { encodeText } from "../system/text.ts";
import type { AttachmentKey } from "./plugin.ts";

/** How long the parts may be: an interface alias and an ipset comment hold 255 bytes. */
const MOST = { network: 72, container: 72 } as const;
/** The same for a comment of at most 128 bytes. */
const MOST_IN_COMMENT = { network: 40, container: 35 } as const;

/** A name part of bounded length. A long one is cut and ends in its hash, so that it still names one thing only. */
function bounded(part: string, most: number): string {
  return part.length <= most ? part : `${part.slice(0, most - 17)}~${sha512(part).slice(0, 16)}`;
}

/** Whether the names of an owner that was read from such a text are whole: a chain or an interface is named after these. */
export function isWhole({ network, containerId }: AttachmentKey): boolean {
  return ![network, containerId].some((part) => /~[0-9a-f]{16}$/.test(part));
}

/** The text that marks everything of a network: the start of ownerText of each of its attachments. */
export function networkText(network: string): string {
  return startOf(network, MOST);
}

type Lengths = typeof MOST | typeof MOST_IN_COMMENT;

function startOf(network: string, most: Lengths): string {
  return `podwire network=${bounded(network, most.network)} `;
}

function textOf({ network, containerId, ifname }: AttachmentKey, most: Lengths): string {
  return `${startOf(network, most)}container=${bounded(containerId, most.container)} interface=${ifname}`;
}

/**
 * The owner's name on a host-side object: interface alias, ipset comment. At most 200 bytes, no two attachments have
 * the same.
 */
export function ownerText(owner: AttachmentKey): string {
  return textOf(owner, MOST);
}

/**
 * The same as a comment of nftables: at most 128 bytes, or nft would not load again what it has listed
 * (NFTNL_UDATA_COMMENT_MAXLEN in libnftnl/udata.h), and with it nothing of the whole file.
 */
export function ownerComment(owner: AttachmentKey): string {
  const text = ownerText(owner);
  return encodeText(text).length <= 128 ? text : textOf(owner, MOST_IN_COMMENT);
}

/** Whether a text is ownerComment, or ownerText, of an attachment of the network. */
export function isOfNetwork(text: string, network: string): boolean {
  return text.startsWith(networkText(network)) || text.startsWith(startOf(network, MOST_IN_COMMENT));
}

const hashes = new WeakMap<AttachmentKey, string>();

/** A hexadecimal digest of the attachment; the parts cannot hold the separator. Computed once. */
export function ownerHash(owner: AttachmentKey): string {
  const known = hashes.get(owner);
  if (known !== undefined) return known;
  const digest = sha512([owner.network, owner.containerId, owner.ifname].join("\0"));
  hashes.set(owner, digest);
  return digest;
}

/** The most characters an interface name can have: IFNAMSIZ, less the NUL. */
const NAME_LENGTH = 15;

/** The attachment's interface on the host, of a kind: four letters of that, and a hash. */
export function hostLinkName(owner: AttachmentKey, kind: string): string {
  return `${kind.slice(0, 4)}${ownerHash(owner)}`.slice(0, NAME_LENGTH);
}

/** The host's end of the veth pair. */
export function hostInterfaceName(owner: AttachmentKey): string {
  return hostLinkName(owner, "veth");
}
