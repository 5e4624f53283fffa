/** How an attachment (network, container, interface) is named on the host: for machines and for people. */
import { sha512 } from "../system/hash.ts";
import type { AttachmentKey } from "./plugin.ts";

/**
 * A name part of bounded length: an interface alias and an ipset comment hold 255 bytes. A long one is cut and
 * ends in its hash, so that it still names one thing only.
 */
function bounded(part: string): string {
  return part.length <= 72 ? part : `${part.slice(0, 55)}~${sha512(part).slice(0, 16)}`;
}

/** The text that marks everything of a network: the start of ownerText of each of its attachments. */
export function networkText(network: string): string {
  return `podwire network=${bounded(network)} `;
}

/**
 * The owner's name on a host-side object: interface alias, ipset comment, nftables comment. At most 200 bytes,
 * no two attachments have the same.
 */
export function ownerText(owner: AttachmentKey): string {
  const { network, containerId, ifname } = owner;
  return `${networkText(network)}container=${bounded(containerId)} interface=${ifname}`;
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

/** The host's end of the veth pair: 15 characters, the most an interface name can have. */
export function hostInterfaceName(owner: AttachmentKey): string {
  return `veth${ownerHash(owner).slice(0, 11)}`;
}
