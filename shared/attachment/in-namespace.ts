/** The addresses of interfaces in other network namespaces. */
import { type IpAddress, isSameIp, parseIp } from "../ip/address.ts";
import { listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink, findPeer, type Link } from "../netlink/link.ts";
import { type Namespace, namespaceIdentity, openNamespaceIfPresent } from "../system/netns.ts";
import { hasOwner } from "./link-alias.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

type Visit<Value> = (netlink: NetlinkConnection, link: Link) => Value;

function visitLink<Value>(namespace: Namespace, ifname: string, visit: Visit<Value>): Value | undefined {
  const netlink = namespace.run(() => new NetlinkConnection(Protocol.route));
  try {
    const link = findLink(netlink, ifname);
    return link === undefined ? undefined : visit(netlink, link);
  } finally {
    netlink.close();
  }
}

/** What `visit` finds at the interface of that name in the namespace at a path; undefined if either is gone. */
function inNamespace<Value>(
  path: string,
  ifname: string,
  visit: Visit<Value>,
  isMeant: (namespace: Namespace) => boolean = () => true,
): Value | undefined {
  const namespace = openNamespaceIfPresent(path);
  if (namespace === undefined) return undefined;
  try {
    return isMeant(namespace) ? visitLink(namespace, ifname, visit) : undefined;
  } finally {
    namespace.close();
  }
}

const addressesOn: Visit<IpAddress[]> = (netlink, { index }) =>
  listAddresses(netlink, index).map(({ cidr }) => cidr.address);

/** An interface of a container, as another namespace sees it. */
export interface InterfaceInside {
  readonly addresses: readonly IpAddress[];
  /** Its own alias, or that of the other end of its pair; empty if neither names an attachment. */
  readonly ownerAlias: string;
}

/** A veth's owner is in the alias of the end on the host. */
function ownerAliasOf(netlink: NetlinkConnection, link: Link): string {
  const aliases = [link.alias];
  if (!hasOwner(link.alias) && link.kind === "veth") aliases.push(findPeer(netlink, link)?.alias ?? "");
  return aliases.find(hasOwner) ?? "";
}

/** The interface of that name in the namespace at a path; undefined if either is gone. Throws if that is unknown. */
export const interfaceAt = (path: string, ifname: string): InterfaceInside | undefined =>
  inNamespace(path, ifname, (netlink, link) => ({
    addresses: addressesOn(netlink, link),
    ownerAlias: ownerAliasOf(netlink, link),
  }));

/** Whether an interface of that name in the namespace, if it is still the same one, has the address. Throws if that is unknown. */
export function hasAddress({ path, identity }: NamespaceRecord, ifname: string, text: string): boolean {
  const address = parseIp(text);
  if (address === undefined) return false;
  const isSame = (namespace: Namespace) => namespaceIdentity(namespace) === identity;
  return (inNamespace(path, ifname, addressesOn, isSame) ?? []).some((each) => isSameIp(each, address));
}
