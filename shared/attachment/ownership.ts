/**
 * Whose a link is: by its alias, or as far as it can be proved where it has none, as the reference plugins leave it. The path of a
 * namespace may lead to another container by now, so its name alone proves nothing.
 */
import { cachedResult } from "../cni/cached-result.ts";
import { attachmentOf, type Request } from "../cni/plugin.ts";
import type { Result } from "../cni/result.ts";
import { listAddresses } from "../netlink/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLinkByIndex, type Link } from "../netlink/link.ts";
import { fileStatus, isSameFile } from "../system/file-status.ts";
import { hasOwner, isAliasOf } from "./link-alias.ts";

/** Whether two paths lead to one namespace; undefined if one of them leads nowhere. */
function isSameNamespace(one: string, other: string): boolean | undefined {
  if (one === other) return true;
  const statuses = [fileStatus(one), fileStatus(other)] as const;
  return statuses[0] && statuses[1] && isSameFile(statuses[0], statuses[1]);
}

/** Whether a result reports the link: by its MAC address, in that namespace. Undefined if it does not say. */
function isReported(
  { interfaces }: Result,
  { ifname, netns }: Request,
  { mac }: Pick<Link, "mac">,
): boolean | undefined {
  const reported = interfaces.find(({ name, sandbox = "" }) => name === ifname && sandbox !== "");
  if (reported?.mac === undefined) return undefined;
  if (reported.mac.toLowerCase() !== mac) return false;
  return isSameNamespace(reported.sandbox ?? "", netns);
}

/** Whether IPAM has reserved an address of the link for the attachment, or else for another one. Undefined if it does not say. */
function isReserved(request: Request, netlink: NetlinkConnection, { index }: Link): boolean | undefined {
  const ipam = request.builtin(request.configuration.ipamType);
  if (ipam?.isReservedFor === undefined) return undefined;
  const addresses = listAddresses(netlink, index).map(({ cidr }) => cidr.address);
  return ipam.isReservedFor(request, addresses);
}

/**
 * Whether the link CNI_IFNAME, which `netlink` reaches, is the request's attachment for certain: by prevResult, by the cache of results,
 * or by an address that IPAM has reserved; none of them must contradict. Throws if that cannot be found out.
 */
export function isProvablyOwn(request: Request, netlink: NetlinkConnection, link: Link): boolean {
  const { prevResult } = request.configuration;
  const result = prevResult ?? cachedResult(attachmentOf(request));
  const reported = result === undefined ? undefined : isReported(result, request, link);
  if (reported === false) return false;
  // The next container may have path, address and, derived from that, MAC address of the one before.
  return isReserved(request, netlink, link) ?? reported === true;
}

/** The alias of the other end of a pair; empty if it is not on this host. */
function hostAlias(host: NetlinkConnection, link: Link): string {
  const end = findLinkByIndex(host, link.peer);
  return end?.kind === link.kind && end.peer === link.index ? end.alias : "";
}

/**
 * Whether the link CNI_IFNAME, which `netlink` reaches, is the request's attachment for certain. The alias decides, of a pair also that of
 * its end on the host, for which `host` is a connection there. Throws if it cannot be found out.
 */
export function isOwnLink(
  request: Request,
  netlink: NetlinkConnection,
  link: Link,
  host?: NetlinkConnection,
): boolean {
  const own = hasOwner(link.alias) || host === undefined ? link.alias : hostAlias(host, link);
  return hasOwner(own) ? isAliasOf(own, attachmentOf(request)) : isProvablyOwn(request, netlink, link);
}
