/** New links of any kind. Constants: include/uapi/linux/if_link.h. */
import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkInfo, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

export interface NewLink {
  readonly kind: string;
  readonly name: string;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Index of the device below it, in the namespace of the socket: for macvlan, ipvlan, vlan. */
  readonly parent?: number;
  /** Descriptor of the namespace that it is made in; absent: that of the socket. */
  readonly namespace?: number;
  /** Writes IFLA_INFO_DATA, the settings of the kind. */
  readonly data?: (writer: BodyWriter) => void;
}

function bodyOf({ kind, name, mac, mtu, parent, namespace, data }: NewLink): Uint8Array {
  const body = new BodyWriter().raw(linkHeader(0)).text(LinkAttribute.name, name);
  if (mac !== undefined) body.bytes(LinkAttribute.address, mac);
  if (mtu !== undefined) body.u32(LinkAttribute.mtu, mtu);
  if (parent !== undefined) body.u32(LinkAttribute.link, parent);
  if (namespace !== undefined) body.u32(LinkAttribute.namespaceDescriptor, namespace);
  body.nested(LinkAttribute.linkInfo, (info) => {
    info.text(LinkInfo.kind, kind);
    if (data !== undefined) info.nested(LinkInfo.data, data);
  });
  return body.finish();
}

/**
 * Equivalent to: ip link add NAME link PARENT address MAC mtu MTU netns NAMESPACE type KIND. Refused with EOPNOTSUPP without the kind's
 * module. The kernel answers with the link (since 6.2), unless that is in another namespace than the socket.
 */
export function newLink(link: NewLink): NetlinkMessage {
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive | Flag.echo,
    body: bodyOf(link),
    purpose: `create the ${link.kind} interface ${link.name}`,
  };
}

/** A group address: no interface may have it. */
const NO_INTERFACE_MAC = new Uint8Array([0x01, 0, 0, 0, 0, 0]);

/**
 * A request that the kernel refuses: with EOPNOTSUPP if it does not have the kind, else for its MAC address. It loads the kind's module.
 * For kinds that check the address before they make the link: dummy, ifb, macvlan, veth, vlan, vrf, vxlan.
 */
export function probeKind(kind: string): NetlinkMessage {
  const body = bodyOf({ kind, name: "podwire-probe", mac: NO_INTERFACE_MAC });
  const flags = Flag.request | Flag.ack | Flag.create | Flag.exclusive;
  return { type: LinkMessage.new, flags, body, purpose: `ask the kernel for ${kind} interfaces` };
}
