/** The owner of a link, in its alias. Pure. */
import { ownerComment, ownerText, readOwner } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";

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
