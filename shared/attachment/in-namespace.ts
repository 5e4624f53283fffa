/** The addresses of interfaces in other network namespaces. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { type IpAddress, isSameIp, parseIp } from "../ip/address.ts";
import { listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink } from "../netlink/link.ts";
import { type Namespace, namespaceIdentity, openNamespace } from "../system/netns.ts";
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

/** The addresses of the interface of that name in the namespace at a path; none if either is gone. */
export function addressesAt(path: string, ifname: string): IpAddress[] {
  const opened = openNamespace(path);
  if (opened === "denied") throw new CniError(ErrorCode.io, `cannot look into the network namespace ${path}`);
  if (typeof opened === "string") return [];
  try {
    return addressesOn(opened, ifname);
  } finally {
    opened.close();
  }
}

/** Whether an interface of that name in the namespace, if it is still the same one, has the address. */
export function hasAddress(namespace: NamespaceRecord, ifname: string, text: string): boolean {
  const opened = openNamespace(namespace.path);
  const address = parseIp(text);
  if (typeof opened === "string" || address === undefined) return false;
  try {
    if (namespaceIdentity(opened) !== namespace.identity) return false;
    return addressesOn(opened, ifname).some((each) => isSameIp(each, address));
  } finally {
    opened.close();
  }
}
