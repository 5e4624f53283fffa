/** veth(4): a connected pair of interfaces, here with one end in the container. */

import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkInfo, LinkMessage, linkHeader, OperationalState } from "./link.ts";
import { LinkMode } from "./link-mode.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** VETH_INFO_PEER (include/uapi/linux/veth.h): a struct ifinfomsg and the attributes of the other end. */
const PEER = 1;

export interface VethEnd {
  readonly name: string;
  readonly mac: Uint8Array;
}

export interface VethPair {
  readonly host: VethEnd;
  readonly container: VethEnd;
  /** A descriptor of the container's namespace; without it the other end stays in this one. */
  readonly namespace?: number;
  readonly mtu: number;
  /** The index of the bridge for the host's end. */
  readonly master?: number;
  /** The host's end is dormant until wakeLink, with or without a carrier: a bridge passes none of its frames. */
  readonly isDormant?: boolean;
}

/**
 * Makes both ends in their namespaces in one message. With their MAC addresses in the message, the kernel marks these
 * as set, and udev's MACAddressPolicy keeps them. The kernel answers with the first end's link (since 6.2).
 */
export function newVethPair(pair: VethPair): NetlinkMessage {
  const { namespace } = pair;
  const body = new BodyWriter()
    .raw(linkHeader(0))
    .text(LinkAttribute.name, pair.host.name)
    .bytes(LinkAttribute.address, pair.host.mac)
    .u32(LinkAttribute.mtu, pair.mtu);
  if (pair.master !== undefined) body.u32(LinkAttribute.master, pair.master);
  if (pair.isDormant === true) {
    // The state, too: a new link's state is unknown, which a bridge treats as up.
    body.u8(LinkAttribute.operationalState, OperationalState.dormant);
    body.u8(LinkAttribute.linkMode, LinkMode.dormant);
  }
  body.nested(LinkAttribute.linkInfo, (info) =>
    info.text(LinkInfo.kind, "veth").nested(LinkInfo.data, (data) =>
      data.nested(PEER, (peer) => {
        peer
          .raw(linkHeader(0))
          .text(LinkAttribute.name, pair.container.name)
          .bytes(LinkAttribute.address, pair.container.mac)
          .u32(LinkAttribute.mtu, pair.mtu);
        if (namespace !== undefined) peer.u32(LinkAttribute.namespaceDescriptor, namespace);
      }),
    ),
  );
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive | Flag.echo,
    body: body.finish(),
    purpose: `create the veth pair ${pair.host.name} and ${pair.container.name}`,
  };
}
