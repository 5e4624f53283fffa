/** DEL of an attachment by veth pair: everything goes, whatever is left of the container or the runtime's memory. */
import { hostInterfaceName } from "../cni/attachment.ts";
import { type Container, openContainerIfPresent } from "../cni/container.ts";
import { delegateDel } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import { attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { removeFilter } from "../filter/filter.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { deleteLink, findLink, listLinks } from "../netlink/link.ts";
import { Errno } from "../system/errno.ts";

/**
 * Removes the interface from inside: for an attachment whose host's end has another name than ours, because the
 * reference plugin made it. Only a veth: anything else called CNI_IFNAME was made by somebody else.
 */
function removeFromInside(container: Container, ifname: string): void {
  const link = findLink(container.netlink, ifname);
  if (link?.kind !== "veth") return;
  container.netlink.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
}

function hasOtherVeth(container: Container, ifname: string): boolean {
  return listLinks(container.netlink).some((link) => link.kind === "veth" && link.name !== ifname);
}

/**
 * Removes the veth pair. Returns whether the container may have another interface on this network: what the reference plugins
 * made is shared by all of them, and has to stay for it.
 */
function removeLink(request: Request, host: NetlinkConnection): boolean {
  // The host's end alone tells: no namespace is needed, and a namespace that now serves another container is
  // left alone.
  const link = findLink(host, hostInterfaceName(attachmentOf(request)));
  if (link !== undefined) {
    host.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
    return true;
  }
  const container = openContainerIfPresent(request);
  if (container === undefined) return false;
  try {
    removeFromInside(container, request.ifname);
    return hasOtherVeth(container, request.ifname);
  } finally {
    container.close();
  }
}

/** Detaches the container: its link, its rules, and its addresses. Every step is tried; what is gone already is fine. */
export function detach(request: Request): void {
  const { environment, configuration } = request;
  const owner = attachmentOf(request);
  const host = new NetlinkConnection(Protocol.route);
  // Until the link is known to be gone, take it that the container has more of them.
  let hasSiblings = true;
  try {
    runAll([
      () => {
        hasSiblings = step("link", () => removeLink(request, host));
      },
      () => step("filter", () => removeFilter(owner, "interface", environment, { hasSiblings })),
      // Last: an address is free for others only when nothing of the old attachment is left.
      () => {
        if (configuration.ipamType !== "") delegateDel(request, configuration.ipamType);
      },
    ]);
  } finally {
    host.close();
  }
}
