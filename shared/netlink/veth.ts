/** veth(4): a pair of interfaces joined back to back, here with one end in the container. */

import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkInfo, LinkMessage, LinkMode, linkHeader, OperationalState } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** VETH_INFO_PEER, include/uapi/linux/veth.h: a struct ifinfomsg and the attributes of the other end. */
const PEER = 1;

export interface VethEnd {
  readonly name: string;
  readonly mac: Uint8Array;
}

export interface VethPair {
  readonly host: VethEnd;
  readonly container: VethEnd;
  /** Descriptor of the container's namespace; absent: the other end stays in this one. */
  readonly namespace?: number;
  readonly mtu: number;
  /** Index of the bridge the host's end becomes a port of. */
  readonly master?: number;
  /** The host's end is dormant, carrier or not, until wakeLink: a bridge passes none of its frames. */
  readonly isDormant?: boolean;
}

/**
 * Creates both ends in their places in one message. The addresses are in it too: the kernel then marks them as
 * set, and udev's MACAddressPolicy leaves them alone. The kernel answers with the first end's link (since 6.2).
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
    // The state too: a new link's is unknown, which a bridge takes for up.
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
