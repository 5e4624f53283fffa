/** DEL: everything of the attachment goes, whatever is left of the container, the configuration or the runtime's memory. */
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { type Container, openContainerIfPresent } from "../../shared/cni/container.ts";
import { delegateDel } from "../../shared/cni/delegate.ts";
import { runAll } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { removeMasquerade } from "../../shared/netfilter/masquerade.ts";
import { removeSpoofCheck } from "../../shared/netfilter/spoof-check.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, listLinks } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";

/**
 * Removes the interface from inside: for an attachment whose host's end has another name than ours, because the
 * reference plugin made it. Only a veth: anything else called CNI_IFNAME was not made by a bridge plugin.
 */
function removeFromInside(container: Container, ifname: string): void {
  const link = findLink(container.netlink, ifname);
  if (link?.kind !== "veth") return;
  container.netlink.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
}

function hasOtherVeth(container: Container, ifname: string): boolean {
  return listLinks(container.netlink).some((link) => link.kind === "veth" && link.name !== ifname);
}

/** Removes the veth pair. Returns whether the container has other interfaces of that kind. */
function removeLink(request: Request, host: NetlinkConnection): boolean {
  // The host's end alone tells: no namespace is needed, and a namespace that now serves another container is
  // left alone.
  const refused = host.attempt(deleteLink({ name: hostInterfaceName(attachmentOf(request)) }), Errno.ENODEV);
  if (refused === undefined) return true;
  const container = openContainerIfPresent(request);
  if (container === undefined) return false;
  try {
    removeFromInside(container, request.ifname);
    return hasOtherVeth(container, request.ifname);
  } finally {
    container.close();
  }
}

/** Detaches the container. Every step is tried; what is gone already is fine. */
export function del(request: Request): void {
  const { environment, configuration } = request;
  const owner = attachmentOf(request);
  const host = new NetlinkConnection(Protocol.route);
  // Until the link is known to be gone, take it that the container has more of them.
  let hasSiblings = true;
  try {
    runAll([
      () => {
        hasSiblings = removeLink(request, host);
      },
      () => removeMasquerade({ owner, hasSiblings, environment }),
      () => removeSpoofCheck(owner, hostInterfaceName(owner)),
      // Last: an address is free for others only when nothing of the old attachment is left.
      () => {
        if (configuration.ipamType !== "") delegateDel(request, configuration.ipamType);
      },
    ]);
  } finally {
    host.close();
  }
}
