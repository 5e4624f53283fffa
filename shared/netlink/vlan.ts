/** 802.1Q interfaces: the node's interface in one VLAN of a device. Constants: include/uapi/linux/if_link.h. */
import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkInfo, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** IFLA_VLAN_ID. */
const VLAN_ID = 1;

/** Equivalent to: ip link add NAME link PARENT type vlan id ID. Refused with EOPNOTSUPP without the module 8021q. */
export function newVlan(name: string, parent: number, id: number): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(0))
    .text(LinkAttribute.name, name)
    .u32(LinkAttribute.link, parent)
    .nested(LinkAttribute.linkInfo, (info) =>
      info.text(LinkInfo.kind, "vlan").nested(LinkInfo.data, (data) => data.u16(VLAN_ID, id)),
    );
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
    body: body.finish(),
    purpose: `create the VLAN interface ${name}`,
  };
}
