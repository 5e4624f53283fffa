/** DEL: removes the rules, and moves the routes back. */
import { findChainedLink } from "../../shared/attachment/chained-link.ts";
import { whileTablesLocked } from "../../shared/attachment/routing-tables.ts";
import { type Container, openContainerIfPresent } from "../../shared/cni/container.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import { listAddresses } from "../../shared/netlink/address.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { ipsOfInterface } from "./interface.ts";
import { moveBack } from "./move-back.ts";

/** The configured table, as far as it can be read: a wrong key must not keep DEL from its work. */
function tableOf({ configuration }: Request): number | undefined {
  const table = configuration.fields.value("table");
  return typeof table === "number" ? table : undefined;
}

/** The addresses whose rules go: those of the interface; if it is gone, those that it had by the result. */
function sourcesOf(request: Request, { netlink }: Container, link: Link | "gone"): IpAddress[] {
  const { prevResult } = request.configuration;
  const former = prevResult === undefined ? [] : ipsOfInterface(prevResult, request.ifname);
  const current = link === "gone" ? [] : listAddresses(netlink, link.index).map(({ cidr }) => cidr);
  return [...current, ...former.map(({ address }) => address)].map(({ address }) => address);
}

export function del(request: Request): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const link = findChainedLink(request, container);
    if (link === "other") return;
    const sources = sourcesOf(request, container, link);
    if (sources.length === 0) return;
    const place = { index: link === "gone" ? undefined : link.index, table: tableOf(request) };
    whileTablesLocked(container, request, true, () => moveBack(container, sources, place));
  } finally {
    container.close();
  }
}
