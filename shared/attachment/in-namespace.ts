/** The addresses of interfaces in other network namespaces. */
import { type IpAddress, isSameIp, parseIp } from "../ip/address.ts";
import { listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink } from "../netlink/link.ts";
import { type Namespace, namespaceIdentity, openNamespaceIfPresent } from "../system/netns.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

function addressesOn(namespace: Namespace, ifname: string): IpAddress[] {
  const netlink = namespace.run(() => new NetlinkConnection(Protocol.route));
  try {
    const link = findLink(netlink, ifname);
    return link === undefined ? [] : listAddresses(netlink, link.index).map(({ cidr }) => cidr.address);
  } finally {
    netlink.close();
  }
}

function addressesIn(path: string, ifname: string, isMeant: (namespace: Namespace) => boolean): IpAddress[] {
  const namespace = openNamespaceIfPresent(path);
  if (namespace === undefined) return [];
  try {
    return isMeant(namespace) ? addressesOn(namespace, ifname) : [];
  } finally {
    namespace.close();
  }
}

/** The addresses of the interface of that name in the namespace at a path; none if either is gone. Throws if that is unknown. */
export const addressesAt = (path: string, ifname: string): IpAddress[] =>
  addressesIn(path, ifname, () => true);

/** Whether an interface of that name in the namespace, if it is still the same one, has the address. Throws if that is unknown. */
export function hasAddress({ path, identity }: NamespaceRecord, ifname: string, text: string): boolean {
  const address = parseIp(text);
  if (address === undefined) return false;
  const isSame = (namespace: Namespace) => namespaceIdentity(namespace) === identity;
  return addressesIn(path, ifname, isSame).some((each) => isSameIp(each, address));
}
