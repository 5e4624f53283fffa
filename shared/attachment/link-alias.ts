/** The owner of a link: by its alias, or without one by the result that the runtime passes. Pure. */
import { networkText, ownerText } from "../cni/attachment.ts";
import type { AttachmentKey, Request } from "../cni/plugin.ts";
import type { Link } from "../netlink/link.ts";

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

/**
 * Whether the link has the MAC address of CNI_IFNAME in prevResult. True without a result. For links of the reference plugins, which
 * write no owner.
 */
export function agreesWithResult({ configuration, ifname }: Request, { mac }: Link): boolean {
  const interfaces = configuration.prevResult?.interfaces ?? [];
  const reported = interfaces.find(({ name, sandbox = "" }) => name === ifname && sandbox !== "");
  return reported?.mac === undefined || reported.mac.toLowerCase() === mac;
}
