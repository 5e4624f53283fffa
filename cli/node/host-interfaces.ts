/** Finds attachments by the host's ends of their veth pairs: each has its owner in its alias. */
import { hostInterfaceName, readOwner } from "../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLink, listLinks } from "../../shared/netlink/link.ts";

export interface HostInterface {
  readonly name: string;
  /** The owner as in the alias. A long network or container is cut there, and ends in a hash. */
  readonly owner: AttachmentKey;
  /** True if the alias is not cut. */
  readonly isWhole: boolean;
}

function onHost<Value>(work: (netlink: NetlinkConnection) => Value): Value {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    return work(netlink);
  } finally {
    netlink.close();
  }
}

/** Whether this network namespace has an interface of that name. */
export const hasLink = (name: string): boolean => onHost((netlink) => findLink(netlink, name) !== undefined);

/** The host's ends of attachments in this network namespace. */
export function listHostInterfaces(): HostInterface[] {
  return onHost((netlink) =>
    listLinks(netlink).flatMap(({ kind, name, alias }) => {
      const owner = kind === "veth" ? readOwner(alias) : undefined;
      if (owner === undefined) return [];
      return [{ name, owner, isWhole: hostInterfaceName(owner) === name }];
    }),
  );
}
