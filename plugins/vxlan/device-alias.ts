/**
 * The alias of a VXLAN device: whose it is, whether it is in order, and its mode. It names the networks that
 * routes of ours may lead into: those to peers on the same link are on other interfaces, and say no more than that
 * they are of some overlay. Pure.
 */
import { networkText } from "../../shared/cni/attachment.ts";
import { type Cidr, formatCidr, isSameCidr, parseCidr } from "../../shared/ip/cidr.ts";
import type { Link } from "../../shared/netlink/link.ts";

/** What an alias tells of a configuration. */
interface Told {
  readonly network: string;
  readonly l3: { readonly networks: readonly Cidr[] } | undefined;
}

/** What the kernel takes, less the NUL: IFALIASZ in include/uapi/linux/if.h. */
const MOST_BYTES = 255;

/** The start of the alias of a network's VXLAN device. */
export function deviceText(network: string): string {
  return `${networkText(network)}vxlan `;
}

/** Whether the device is the network's own. */
export function isOwnDevice({ kind, alias }: Link, network: string): boolean {
  return kind === "vxlan" && alias.startsWith(deviceText(network));
}

function withMode(start: string, { l3 }: Pick<Told, "l3">, networks: readonly Cidr[]): string {
  const list = networks.length === 0 ? "" : `=${networks.map(formatCidr).join(",")}`;
  return `${start} ${l3 === undefined ? "l2" : "l3"}${list}`;
}

/** As long as two digests. */
const DIGESTS = "0123456789abcdef.0123456789abcdef";

/**
 * Whether the alias has room for these networks. What it does not name is nobody's: another overlay could take it, and
 * routes into it would stay.
 */
export function hasRoomFor(config: Told, networks: readonly Cidr[]): boolean {
  return withMode(`${deviceText(config.network)}${DIGESTS}`, config, networks).length <= MOST_BYTES;
}

/** Of a device that is in order: with the digests of its configuration, and of what the kernel holds then. */
export function sealedAlias(config: Told, digest: string, state: string): string {
  return withMode(`${deviceText(config.network)}${digest}.${state}`, config, config.l3?.networks ?? []);
}

/** The networks that routes may lead into while the device is changed: those of the configuration, and the former ones. */
export function presentAndFormer(config: Told, former: readonly Link[]): Cidr[] {
  const known = [...(config.l3?.networks ?? [])];
  for (const one of former.flatMap(routedNetworks)) {
    if (!known.some((each) => isSameCidr(each, one))) known.push(one);
  }
  return known;
}

/** Of a device that is being changed. */
export function pendingAlias(config: Told, former: readonly Link[]): string {
  return withMode(`${deviceText(config.network)}pending`, config, presentAndFormer(config, former));
}

/** The networks that a device's alias names. */
export function routedNetworks({ alias }: Link): Cidr[] {
  const texts = / l[23]=(\S+)$/.exec(alias)?.[1]?.split(",") ?? [];
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** The mode that the device was made for; undefined if the alias does not tell. */
export function modeOf({ alias }: Link): "l2" | "l3" | undefined {
  const mode = / (l2|l3)(=\S+)?$/.exec(alias)?.[1];
  return mode === "l2" || mode === "l3" ? mode : undefined;
}
