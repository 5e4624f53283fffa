/** A device that the reference plugin has moved: its alias is its former name, and no record says what else it was. */
import { openContainerIfPresent } from "../cni/container.ts";
import type { CniError } from "../cni/error.ts";
import { interfaceNameProblem } from "../cni/names.ts";
import type { Request } from "../cni/plugin.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { type Link, listLinks } from "../netlink/link.ts";
import { hasOwner } from "./link-alias.ts";
import { isProvablyOwn } from "./ownership.ts";
import { moveToHost, restoreDevice } from "./restored-device.ts";

function ofReference(links: readonly Link[], request: Request, netlink: NetlinkConnection) {
  const link = links.find(({ name }) => name === request.ifname);
  if (link === undefined || link.alias === "" || hasOwner(link.alias)) return undefined;
  if (interfaceNameProblem(link.alias) !== undefined) return undefined;
  if (!isProvablyOwn(request, netlink, link)) return undefined;
  const { alias: name, mtu, mac, kind } = link;
  return { link, device: { name, alias: "", mtu, mac, kind } };
}

/** DEL: gives it back, if it is certain whose it is. Returns what could not be done. */
export function returnOfReference(request: Request, host: NetlinkConnection): CniError[] {
  const container = openContainerIfPresent(request);
  try {
    const inside = container && ofReference(listLinks(container.netlink), request, container.netlink);
    if (container === undefined || inside === undefined) {
      // When its namespace ended, the kernel left it with the container's name.
      const returned = container === undefined ? ofReference(listLinks(host), request, host) : undefined;
      return returned === undefined ? [] : restoreDevice(host, returned.link, returned.device);
    }
    moveToHost(container, inside.link, inside.device);
    const { link, device } = inside;
    const outside = listLinks(host).find(({ alias, mac }) => alias === link.alias && mac === link.mac);
    return outside === undefined ? [] : restoreDevice(host, outside, device);
  } finally {
    container?.close();
  }
}
