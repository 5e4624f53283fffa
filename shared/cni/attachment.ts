/** Names of an attachment (network, container, interface) on the host: hashes and texts. */

import { sha512 } from "../system/hash.ts";
import { encodeText } from "../system/text.ts";
import type { AttachmentKey } from "./plugin.ts";

/** How long the parts may be: an interface alias and a comment of iptables hold 255 bytes. */
const MOST = { network: 72, container: 72 } as const;
/** The limits of the parts in an nftables comment of 128 bytes. */
const MOST_IN_COMMENT = { network: 40, container: 35 } as const;

/** The end of a cut name: no name of a network or container has a tilde (names.ts). */
const CUT = /~[0-9a-f]{16}$/;

/**
 * Shortens a long name: it is cut and ends in its hash, so it stays unique. A cut name, as comments in the kernel have it, is cut
 * further as the whole name is.
 */
function bounded(part: string, most: number): string {
  if (part.length <= most) return part;
  return part.slice(0, most - 17) + (CUT.exec(part)?.[0] ?? `~${sha512(part).slice(0, 16)}`);
}

/** A network's name as part of an identifier of nft: at most 32 characters. */
export function shortName(network: string): string {
  // nft takes no tilde, which marks a cut name, in identifiers.
  return bounded(network, 32).replaceAll("~", ".");
}

/** The text that marks all objects of a network: the start of ownerText of its attachments. */
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
 * The owner's name on a host-side object: interface alias, comment of iptables. At most 200 bytes, no two attachments have
 * the same.
 */
export function ownerText(owner: AttachmentKey): string {
  return textOf(owner, MOST);
}

/**
 * The owner as a comment of nftables. At most 128 bytes: nft refuses a whole file with a longer one
 * (NFTNL_UDATA_COMMENT_MAXLEN in libnftnl/udata.h).
 */
export function ownerComment(owner: AttachmentKey): string {
  const text = ownerText(owner);
  return encodeText(text).length <= 128 ? text : textOf(owner, MOST_IN_COMMENT);
}

/** True if a text is ownerComment or ownerText of an attachment of the network. */
export function isOfNetwork(text: string, network: string): boolean {
  return text.startsWith(networkText(network)) || text.startsWith(startOf(network, MOST_IN_COMMENT));
}

const OWNER = /^podwire network=(\S+) container=(\S+) interface=(\S+)/;

/** The owner in the words of ownerText or ownerComment, where a long name is cut; undefined if the text is neither. */
export function readOwner(text: string): AttachmentKey | undefined {
  const [, network = "", containerId = "", ifname = ""] = OWNER.exec(text) ?? [];
  return network === "" ? undefined : { network, containerId, ifname };
}

const hashes = new WeakMap<AttachmentKey, string>();

/** A hexadecimal digest of the attachment, cached. No part can contain the separator. */
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
