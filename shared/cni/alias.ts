/**
 * The alias of an attachment's interface on the host: whose it is, for people, and which of its addresses are
 * masqueraded, for us: so that they are removed by name, and come back after somebody has emptied the packet filter.
 * Nobody else keeps it, and it goes with the interface.
 */

import { type Cidr, formatCidr, parseCidr } from "../ip/cidr.ts";
import { encodeText } from "../system/text.ts";
import { networkText, ownerText } from "./attachment.ts";
import type { AttachmentKey } from "./plugin.ts";

const MASQUERADE = " masquerade=";
const NONE = "none";
/** Too many to tell: whoever wants to know has to search. */
const MANY = "many";
/** IFALIASZ, less the NUL: include/uapi/linux/if.h. */
const MOST_BYTES = 255;

export function linkAlias(owner: AttachmentKey, masqueraded: readonly Cidr[]): string {
  const start = ownerText(owner) + MASQUERADE;
  if (masqueraded.length === 0) return start + NONE;
  const alias = start + masqueraded.map(formatCidr).join(",");
  return encodeText(alias).length <= MOST_BYTES ? alias : start + MANY;
}

/** The masqueraded addresses in an alias; undefined if it does not tell. */
export function masqueradedIn(alias: string): readonly Cidr[] | undefined {
  const at = alias.lastIndexOf(MASQUERADE);
  const list = at < 0 ? MANY : alias.slice(at + MASQUERADE.length);
  if (list === NONE) return [];
  const addresses = list.split(",").map(parseCidr);
  return addresses.includes(undefined) ? undefined : (addresses as Cidr[]);
}

const OWNER = /^podwire network=(\S+) container=(\S+) interface=(\S+)/;

/** The owner in the words of ownerText or ownerComment, where a long name is cut; undefined if it is neither. */
export function readOwner(text: string): AttachmentKey | undefined {
  const [, network = "", containerId = "", ifname = ""] = OWNER.exec(text) ?? [];
  return network === "" ? undefined : { network, containerId, ifname };
}

/** The same of an alias; undefined if it is no alias of ours. */
export function readAlias(alias: string): AttachmentKey | undefined {
  return alias.includes(MASQUERADE) ? readOwner(alias) : undefined;
}

/** The owner in an alias of this network; undefined if it is none, or if a long name is not all in it. */
export function ownerIn(alias: string, network: string): AttachmentKey | undefined {
  if (!alias.startsWith(networkText(network))) return undefined;
  const { containerId = "", ifname = "" } = readAlias(alias) ?? {};
  const owner = { network, containerId, ifname };
  return containerId !== "" && alias.startsWith(`${ownerText(owner)} `) ? owner : undefined;
}
