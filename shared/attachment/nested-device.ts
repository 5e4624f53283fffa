/** A moved device that its container has moved on, or whose namespace has lost its path: looked for in all namespaces in use. */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { type Link, listLinks } from "../netlink/link.ts";
import { mountedNamespaces, namespacesInUse } from "../system/namespace-users.ts";
import { type Namespace, namespaceIdentity, openNamespaceIfPresent } from "../system/netns.ts";
import type { DeviceRecord } from "./device-record.ts";
import { isMarked } from "./restored-device.ts";

type Take = (netlink: NetlinkConnection, link: Link) => void;

function takeFrom(namespace: Namespace, isMeant: (link: Link) => boolean, take: Take): boolean {
  const netlink = namespace.run(() => new NetlinkConnection(Protocol.route));
  try {
    const link = listLinks(netlink).find(isMeant);
    if (link !== undefined) take(netlink, link);
    return link !== undefined;
  } finally {
    netlink.close();
  }
}

const inodeOf = (identity: string) => identity.slice(identity.lastIndexOf(":") + 1);

/**
 * Takes the device out of another namespace; false if none has it. Of a container whose namespace lives, it is in one that the container
 * has made, with its MAC address: not in one that is mounted on the host, as those of containers are. Else only the container's own one
 * counts, which has processes and no path. Other containers, and containers that are nodes themselves, may have devices of that name.
 */
export function findElsewhere(record: DeviceRecord, isContainerAlive: boolean, take: Take): boolean {
  const own = inodeOf(record.namespace.identity);
  const mounted = isContainerAlive ? mountedNamespaces() : new Set();
  const isMeant = (link: Link) =>
    isMarked(link, record) && (!isContainerAlive || link.mac === record.device.mac);
  for (const [inode, path] of namespacesInUse()) {
    if (isContainerAlive === (inode === own) || mounted.has(inode)) continue;
    const namespace = openNamespaceIfPresent(path);
    if (namespace === undefined) continue;
    try {
      const isOther = !isContainerAlive && namespaceIdentity(namespace) !== record.namespace.identity;
      if (!isOther && takeFrom(namespace, isMeant, take)) return true;
    } finally {
      namespace.close();
    }
  }
  return false;
}
