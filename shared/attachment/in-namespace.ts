/** Looks into a network namespace. A module of its own, since it brings in netlink: see liveness.ts. */
import { isSameIp, parseIp } from "../ip/address.ts";
import { listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink } from "../netlink/link.ts";
import { namespaceIdentity, openNamespace } from "../system/netns.ts";
import type { NamespaceRecord } from "./namespace-record.ts";

/** Whether an interface of that name in the namespace, if it is still the same one, has the address. */
export function hasAddress(namespace: NamespaceRecord, ifname: string, text: string): boolean {
  const opened = openNamespace(namespace.path);
  const address = parseIp(text);
  if (typeof opened === "string" || address === undefined) return false;
  try {
    if (namespaceIdentity(opened) !== namespace.identity) return false;
    const netlink = opened.run(() => new NetlinkConnection(Protocol.route));
    try {
      const link = findLink(netlink, ifname);
      if (link === undefined) return false;
      return listAddresses(netlink, link.index).some(({ cidr }) => isSameIp(cidr.address, address));
    } finally {
      netlink.close();
    }
  } finally {
    opened.close();
  }
}
