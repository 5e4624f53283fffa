/** The attachments that interfaces of this node tell of: each host's end of ours says in its alias whose it is. */
import { hostInterfaceName, readOwner } from "../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { listLinks } from "../../shared/netlink/link.ts";

export interface HostInterface {
  readonly name: string;
  /** In its words. A long network or container is cut there, and ends in a hash. */
  readonly owner: AttachmentKey;
  /** Whether nothing is cut. */
  readonly isWhole: boolean;
}

/** The host's ends of the attachments in this network namespace. */
export function listHostInterfaces(): HostInterface[] {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    return listLinks(netlink).flatMap(({ kind, name, alias }) => {
      const owner = kind === "veth" ? readOwner(alias) : undefined;
      if (owner === undefined) return [];
      return [{ name, owner, isWhole: hostInterfaceName(owner) === name }];
    });
  } finally {
    netlink.close();
  }
}
