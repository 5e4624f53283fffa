/** GC of attachments by veth pair: what the runtime no longer knows goes, and nothing else. */
import { hostInterfaceName, networkText } from "../cni/attachment.ts";
import { delegateGc } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import type { AttachmentKey, Request } from "../cni/plugin.ts";
import { attachmentsToKeep } from "../cni/valid-attachments.ts";
import { collectFilter } from "../filter/filter.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { deleteLink, type Link, listLinks } from "../netlink/link.ts";
import { Errno } from "../system/errno.ts";

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

/** Collects the garbage of the request's network: links, rules, addresses. All are tried. */
export function collectGarbage(request: Request): void {
  const { environment, configuration } = request;
  const { name: network, ipamType } = configuration;
  const keep = attachmentsToKeep(request);
  runAll([
    () => removeStaleLinks(network, keep),
    () => collectFilter(network, keep, "interface", environment),
    () => {
      if (ipamType !== "") delegateGc(request, ipamType);
    },
  ]);
}
