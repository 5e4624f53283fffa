/** GC: what belongs to attachments of this network that the runtime no longer knows goes, and nothing else. */
import { hostInterfaceName, networkText } from "../../shared/cni/attachment.ts";
import { delegateGc } from "../../shared/cni/delegate.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey, Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { collectMasquerade } from "../../shared/netfilter/masquerade.ts";
import { collectSpoofChecks } from "../../shared/netfilter/spoof-check.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { deleteLink, type Link, listLinks } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";

function isStale(link: Link, network: string, kept: ReadonlySet<string>): boolean {
  return link.kind === "veth" && link.alias.startsWith(networkText(network)) && !kept.has(link.name);
}

function removeStaleLinks(network: string, keep: readonly AttachmentKey[]): void {
  const host = new NetlinkConnection(Protocol.route);
  try {
    const kept = new Set(keep.map(hostInterfaceName));
    const stale = listLinks(host).filter((link) => isStale(link, network, kept));
    runAll(stale.map((link) => () => void host.attempt(deleteLink({ index: link.index }), Errno.ENODEV)));
  } finally {
    host.close();
  }
}

/** Collects the garbage of the request's network. Every step is tried. */
export function gc(request: Request): void {
  const { environment, configuration } = request;
  const { name: network, ipamType } = configuration;
  const keep = attachmentsToKeep(request);
  runAll([
    () => removeStaleLinks(network, keep),
    () => collectMasquerade({ network, keep, environment }),
    () => collectSpoofChecks(network, keep),
    () => {
      if (ipamType !== "") delegateGc(request, ipamType);
    },
  ]);
}
