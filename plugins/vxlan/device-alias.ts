/**
 * The alias of a VXLAN device: its network, its mode, and digests of its state. It also lists the networks that our
 * routes may lead into. Routes to peers on the same link are on other interfaces, and carry only the protocol number
 * that all overlays share. Pure.
 */
import { networkText } from "../../shared/cni/attachment.ts";
import { type Cidr, formatCidr, isSameCidr, parseCidr } from "../../shared/ip/cidr.ts";
import type { Link } from "../../shared/netlink/link.ts";

/** The part of a configuration that the alias holds. */
interface AliasContent {
  readonly network: string;
  readonly l3: { readonly networks: readonly Cidr[] } | undefined;
}

/** IFALIASZ without the NUL (include/uapi/linux/if.h). */
const MOST_BYTES = 255;

/** The start of the alias of a network's VXLAN device. */
export function deviceText(network: string): string {
  return `${networkText(network)}vxlan `;
}

/** True if the device belongs to the network. */
export function isOwnDevice({ kind, alias }: Link, network: string): boolean {
  return kind === "vxlan" && alias.startsWith(deviceText(network));
}

function withMode(start: string, { l3 }: Pick<AliasContent, "l3">, networks: readonly Cidr[]): string {
  const list = networks.length === 0 ? "" : `=${networks.map(formatCidr).join(",")}`;
  return `${start} ${l3 === undefined ? "l2" : "l3"}${list}`;
}

/** A text of the same length as two digests. */
const DIGESTS = "0123456789abcdef.0123456789abcdef";

/**
 * True if the alias has room for these networks. An unlisted network has no owner: another overlay could take it, and
 * routes into it would stay.
 */
export function hasRoomFor(config: AliasContent, networks: readonly Cidr[]): boolean {
  return withMode(`${deviceText(config.network)}${DIGESTS}`, config, networks).length <= MOST_BYTES;
}

/** The alias of a device in order: with the digests of its configuration and of the kernel's entries. */
export function verifiedAlias(config: AliasContent, digest: string, state: string): string {
  return withMode(`${deviceText(config.network)}${digest}.${state}`, config, config.l3?.networks ?? []);
}

/** The networks that routes may lead into during a change: the configured and the former ones. */
export function currentAndFormer(config: AliasContent, former: readonly Link[]): Cidr[] {
  const known = [...(config.l3?.networks ?? [])];
  for (const one of former.flatMap(routedNetworks)) {
    if (!known.some((each) => isSameCidr(each, one))) known.push(one);
  }
  return known;
}

/** The alias of a device during a change. */
export function pendingAlias(config: AliasContent, former: readonly Link[]): string {
  return withMode(`${deviceText(config.network)}pending`, config, currentAndFormer(config, former));
}

/** The networks in a device's alias. */
export function routedNetworks({ alias }: Link): Cidr[] {
  const texts = / l[23]=(\S+)$/.exec(alias)?.[1]?.split(",") ?? [];
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** The mode in a device's alias; undefined if the alias has none. */
export function modeOf({ alias }: Link): "l2" | "l3" | undefined {
  const mode = / (l2|l3)(=\S+)?$/.exec(alias)?.[1];
  return mode === "l2" || mode === "l3" ? mode : undefined;
}
