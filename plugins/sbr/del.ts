/** DEL: removes the rules, and moves the routes back. */
import { openContainerIfPresent } from "../../shared/cni/container.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { listAddresses } from "../../shared/netlink/address.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { ipsOfInterface } from "./interface.ts";
import { moveBack, whileTablesLocked } from "./move-back.ts";

/** The configured table, as far as it can be read: a wrong key must not keep DEL from its work. */
function tableOf({ configuration }: Request): number | undefined {
  const table = configuration.fields.value("table");
  return typeof table === "number" ? table : undefined;
}

export function del(request: Request): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  const { prevResult } = request.configuration;
  try {
    const link = findLink(container.netlink, request.ifname);
    const current =
      link === undefined ? [] : listAddresses(container.netlink, link.index).map(({ cidr }) => cidr);
    // If the interface is gone, the result knows which addresses it had.
    const former = prevResult === undefined ? [] : ipsOfInterface(prevResult, request.ifname);
    const cidrs = [...current, ...former.map(({ address }) => address)];
    const sources = cidrs.map(({ address }) => address);
    if (sources.length === 0) return;
    const place = { index: link?.index, table: tableOf(request) };
    whileTablesLocked(container, request, true, () => moveBack(container, sources, place));
  } finally {
    container.close();
  }
}
