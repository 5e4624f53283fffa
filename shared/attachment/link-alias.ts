/** The owner of a link, in its alias. Pure. */
import { networkText, ownerComment, ownerText, readOwner } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";

const DEVICE = " device=";

/** Whether the alias is of this attachment. */
export function isAliasOf(alias: string, owner: AttachmentKey): boolean {
  const text = ownerText(owner);
  return alias === text || alias.startsWith(`${text} `);
}

/** Whether the alias is of any attachment. */
export function hasOwner(alias: string): boolean {
  return alias.startsWith("podwire network=");
}

/** Whether the alias is of an attachment, and not of this one, whose names may be cut as comments in the kernel have them. */
export function isAliasOfOther(alias: string, owner: AttachmentKey): boolean {
  const named = readOwner(alias);
  return named !== undefined && ownerComment(named) !== ownerComment(owner);
}

/** Whether the alias is of an attachment of the network, and of none of `keep`. */
export function isStaleAlias(alias: string, network: string, keep: readonly AttachmentKey[]): boolean {
  return alias.startsWith(networkText(network)) && !keep.some((owner) => isAliasOf(alias, owner));
}

/** The alias of a device of the host, for as long as it is moved. */
export const deviceAlias = (owner: AttachmentKey, name: string): string =>
  `${ownerText(owner)}${DEVICE}${name}`;

/** The name that a moved device had on the host. The alias is that name where the reference plugin moved it. */
export function deviceNameIn(alias: string): string | undefined {
  if (!hasOwner(alias)) return alias === "" ? undefined : alias;
  const at = alias.lastIndexOf(DEVICE);
  return at < 0 ? undefined : alias.slice(at + DEVICE.length);
}
