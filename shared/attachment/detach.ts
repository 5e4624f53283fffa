/** DEL of an attachment by veth pair: everything goes, whatever is left of the container or the runtime's memory. */
import { masqueradedIn } from "../cni/alias.ts";
import { hostInterfaceName } from "../cni/attachment.ts";
import { type Container, openContainerIfPresent } from "../cni/container.ts";
import { delegateDel } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import { attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { type RemovalRequest, removeMasquerade } from "../netfilter/masquerade.ts";
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

/** What the masquerade's removal is told of an attachment. */
type Remains = Pick<RemovalRequest, "hasSiblings" | "addresses">;

/** Removes the veth pair. Returns what it told. */
function removeLink(request: Request, host: NetlinkConnection): Remains {
  // The host's end alone tells: no namespace is needed, and a namespace that now serves another container is
  // left alone.
  const link = findLink(host, hostInterfaceName(attachmentOf(request)));
  if (link !== undefined) {
    host.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
    const addresses = masqueradedIn(link.alias)?.map(({ address }) => address);
    return { hasSiblings: true, ...(addresses === undefined ? {} : { addresses }) };
  }
  const container = openContainerIfPresent(request);
  if (container === undefined) return { hasSiblings: false };
  try {
    removeFromInside(container, request.ifname);
    return { hasSiblings: hasOtherVeth(container, request.ifname) };
  } finally {
    container.close();
  }
}

/**
 * Detaches the container: its link, its masquerade, what `steps` remove, and its addresses. Every step is tried; what
 * is gone already is fine.
 */
export function detach(request: Request, steps: readonly (() => void)[] = []): void {
  const { environment, configuration } = request;
  const owner = attachmentOf(request);
  const host = new NetlinkConnection(Protocol.route);
  // Until the link is known to be gone, take it that the container has more of them.
  let remains: Remains = { hasSiblings: true };
  try {
    runAll([
      () => {
        remains = step("link", () => removeLink(request, host));
      },
      () => step("masquerade", () => removeMasquerade({ ...remains, owner, environment })),
      ...steps,
      // Last: an address is free for others only when nothing of the old attachment is left.
      () => {
        if (configuration.ipamType !== "") delegateDel(request, configuration.ipamType);
      },
    ]);
  } finally {
    host.close();
  }
}
