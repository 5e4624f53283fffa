/**
 * The alias of an attachment's host interface: its owner in words, and its masqueraded addresses. By the addresses
 * podwire removes their rules by name, and restores them after the packet filter was flushed. The alias is deleted
 * with its interface.
 */

import { type Cidr, formatCidr, parseCidr } from "../ip/cidr.ts";
import { encodeText } from "../system/text.ts";
import { networkText, ownerText } from "./attachment.ts";
import type { AttachmentKey } from "./plugin.ts";

const MASQUERADE = " masquerade=";
const NONE = "none";
/** Too many addresses for the alias: then podwire searches the packet filter. */
const MANY = "many";
/** IFALIASZ without the NUL (include/uapi/linux/if.h). */
const MOST_BYTES = 255;

export function linkAlias(owner: AttachmentKey, masqueraded: readonly Cidr[]): string {
  const start = ownerText(owner) + MASQUERADE;
  if (masqueraded.length === 0) return start + NONE;
  const alias = start + masqueraded.map(formatCidr).join(",");
  return encodeText(alias).length <= MOST_BYTES ? alias : start + MANY;
}

/** The masqueraded addresses in an alias; undefined if it has none. */
export function masqueradedIn(alias: string): readonly Cidr[] | undefined {
  const at = alias.lastIndexOf(MASQUERADE);
  const list = at < 0 ? MANY : alias.slice(at + MASQUERADE.length);
  if (list === NONE) return [];
  const addresses = list.split(",").map(parseCidr);
  return addresses.includes(undefined) ? undefined : (addresses as Cidr[]);
}

const OWNER = /^podwire network=(\S+) container=(\S+) interface=(\S+)/;

/** The owner in a text of ownerText or ownerComment, in which a long name is cut; undefined for any other text. */
export function readOwner(text: string): AttachmentKey | undefined {
  const [, network = "", containerId = "", ifname = ""] = OWNER.exec(text) ?? [];
  return network === "" ? undefined : { network, containerId, ifname };
}

/** The owner in an alias; undefined if the alias is not ours. */
export function readAlias(alias: string): AttachmentKey | undefined {
  return alias.includes(MASQUERADE) ? readOwner(alias) : undefined;
}

/** The owner in an alias of this network; undefined for another alias, or if a name is cut. */
export function ownerIn(alias: string, network: string): AttachmentKey | undefined {
  if (!alias.startsWith(networkText(network))) return undefined;
  const { containerId = "", ifname = "" } = readAlias(alias) ?? {};
  const owner = { network, containerId, ifname };
  return containerId !== "" && alias.startsWith(`${ownerText(owner)} `) ? owner : undefined;
}
