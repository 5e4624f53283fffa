/** The attachments of a network that live, by what the kernel has: the host's ends of their pairs, and the addresses at the other ends. */
import { networkText, readOwner } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { IpAddress } from "../ip/address.ts";
import { listPeerAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { listLinks } from "../netlink/link.ts";

export interface Living {
  /** A name of more than 72 bytes is cut, and ends in a tilde and a hash. */
  readonly owner: AttachmentKey;
  readonly addresses: readonly IpAddress[];
}

/** Asks for all links, and twice for each attachment. The namespaces are not entered: the kernel answers for them (Linux 4.20). */
export function livingAttachments(network: string): Living[] {
  const host = new NetlinkConnection(Protocol.route);
  try {
    const own = listLinks(host).filter(
      ({ alias, peer }) => peer !== 0 && alias.startsWith(networkText(network)),
    );
    return own.flatMap(({ peer, peerNamespace, alias }) => {
      const owner = readOwner(alias);
      // -1 is a namespace that is gone.
      if (owner === undefined || peerNamespace === undefined || peerNamespace < 0) return [];
      return { owner, addresses: listPeerAddresses(host, peerNamespace, peer) };
    });
  } finally {
    host.close();
  }
}
