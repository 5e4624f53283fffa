/** Asks the kernel whether its bridges can filter VLANs. */
import { Errno } from "../system/errno.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { LinkAttribute, LinkInfo, LinkMessage, linkHeader } from "./link.ts";
import { Flag } from "./message.ts";

/** IFLA_BR_VLAN_PROTOCOL, in network byte order; 0xffff is no VLAN protocol. */
const VLAN_PROTOCOL = 8;
const NO_PROTOCOL = new Uint8Array([0xff, 0xff]);

/**
 * Without CONFIG_BRIDGE_VLAN_FILTERING the kernel does not look at the VLAN protocol (br_validate in net/bridge/br_netlink.c), and refuses
 * the message since every namespace has the interface lo. So it makes no bridge in either case. Throws NetlinkError if the kernel has no
 * bridges at all.
 */
export function filtersVlans(netlink: NetlinkConnection): boolean {
  const body = new BodyWriter().raw(linkHeader(0)).text(LinkAttribute.name, "lo");
  body.nested(LinkAttribute.linkInfo, (info) =>
    info
      .text(LinkInfo.kind, "bridge")
      .nested(LinkInfo.data, (data) => data.bytes(VLAN_PROTOCOL, NO_PROTOCOL)),
  );
  const flags = Flag.request | Flag.ack | Flag.create | Flag.exclusive;
  const purpose = "ask the kernel for bridges";
  const message = { type: LinkMessage.new, flags, body: body.finish(), purpose };
  return netlink.attempt(message, Errno.EPROTONOSUPPORT, Errno.EEXIST)?.errno === Errno.EPROTONOSUPPORT;
}
