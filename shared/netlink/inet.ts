/**
 * IPv4 parameters of a link, for use in a batch. Constants: include/uapi/linux/if_link.h (IFLA_INET_CONF), ip.h
 * (IPV4_DEVCONF_*).
 */
import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const AF_INET = 2;
const CONF = 1;
const ARP_NOTIFY = 22;

/**
 * Equivalent to: sysctl -w net.ipv4.conf.NAME.arp_notify=0|1. If on, the kernel announces the addresses (gratuitous
 * ARP, RFC 5227) when the link comes up, and when its MAC address is written.
 */
export function setArpNotify(index: number, on: boolean): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(index))
    .nested(LinkAttribute.familySpecific, (specific) =>
      specific.nested(AF_INET, (inet) => inet.nested(CONF, (conf) => conf.u32(ARP_NOTIFY, Number(on)))),
    );
  return {
    type: LinkMessage.set,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    index,
    purpose: `switch ${on ? "on" : "off"} gratuitous ARP of`,
  };
}
