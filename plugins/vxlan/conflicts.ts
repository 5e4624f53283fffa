/** Refuses an overlay that conflicts with others on this node. Pure. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import { formatCidr, overlaps } from "../../shared/ip/cidr.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { type NewVxlan, readVxlan } from "../../shared/netlink/vxlan.ts";
import type { VxlanConfig } from "./config.ts";
import { currentAndFormer, hasRoomFor, isOwnDevice, routedNetworks } from "./device-alias.ts";

const isSameUnderlay = (a: IpAddress | undefined, b: IpAddress) => (a?.family ?? b.family) === b.family;

/** Throws code 7 if another VXLAN device would keep this one from receiving. */
export function validateOtherDevices(links: readonly Link[], config: VxlanConfig, wanted: NewVxlan): void {
  for (const link of links) {
    if (link.kind !== "vxlan" || isOwnDevice(link, config.network)) continue;
    const other = readVxlan(link);
    if (other.port !== wanted.port || !isSameUnderlay(other.local, wanted.local)) continue;
    if (other.vni !== wanted.vni && !other.collectsMetadata) continue;
    const whose = link.alias === "" ? "" : ` (${link.alias})`;
    const what = other.collectsMetadata ? "takes every VNI of" : `already has the VNI ${wanted.vni} at`;
    const message = `the VXLAN device ${link.name}${whose} ${what} the UDP port ${wanted.port}`;
    const advice =
      "give this network another vni or port, the same on all of its nodes, or remove that device";
    throw new CniError(ErrorCode.invalidConfiguration, message, advice);
  }
}

/** Throws code 7 if another overlay has routes into the same networks: each would remove the other's routes. */
export function validateNetworks(links: readonly Link[], { network, l3 }: VxlanConfig): void {
  if (l3 === undefined) return;
  for (const link of links) {
    if (link.kind !== "vxlan" || isOwnDevice(link, network)) continue;
    const theirs = routedNetworks(link);
    const shared = l3.networks.find((one) => theirs.some((each) => overlaps(one, each)));
    if (shared === undefined) continue;
    const problem = `has ${formatCidr(shared)}, which overlaps the networks of the VXLAN device ${link.name} (${link.alias})`;
    const advice =
      "give each network addresses of its own, or remove that device if its network no longer exists";
    throw l3.fields.invalid("network", problem, advice);
  }
}

/** Throws code 7 if the alias has no room for the configured and the former networks. */
export function validateNetworkCount(config: VxlanConfig, former: readonly Link[]): void {
  const { l3 } = config;
  const all = currentAndFormer(config, former);
  if (l3 === undefined || hasRoomFor(config, all)) return;
  const problem = `replaces networks of ${former.map(({ name }) => name).join(", ")}, whose alias has no room for all ${all.length} networks during the change`;
  const advice = "remove the former ones first, and add the new ones after the next ADD on this node";
  throw l3.fields.invalid("network", problem, advice);
}
