/** ADD: a table for each address of the interface, and a rule that leads its packets there. The result is the previous one. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { connectedFirst } from "../../shared/attachment/routes.ts";
import { usedTables, whileTablesLocked } from "../../shared/attachment/routing-tables.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { addRoute, deleteRoute, type KernelRoute } from "../../shared/netlink/route.ts";
import { addRule, listRules } from "../../shared/netlink/rule.ts";
import { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import { readSbr, type SbrConfig } from "./config.ts";
import { families, mainRoutes, requireIps } from "./interface.ts";
import { moveBack } from "./move-back.ts";
import { hintedRoutes, leavingRoutes, OWN_PROTOCOL, planTables, type Table } from "./plan.ts";

/** The rule first: as long as its table is empty, the kernel goes on to the main table. So DEL finds each table by a rule. */
function fill({ netlink }: Container, index: number, { source, number, routes }: Table): void {
  netlink.execute(addRule({ source, table: number, protocol: OWN_PROTOCOL }));
  for (const route of connectedFirst(routes)) netlink.execute(addRoute(index, route, "replace"));
}

/** The main table loses the interface's routes, once its packets find them elsewhere. Those by gateways first. */
function clearMain({ netlink }: Container, index: number, routes: readonly KernelRoute[]): void {
  for (const route of connectedFirst(routes).reverse())
    netlink.attempt(deleteRoute(index, route), Errno.ESRCH);
}

function hint(
  { netlink }: Container,
  index: number,
  routes: readonly KernelRoute[],
  all: readonly KernelRoute[],
  undo: Rollback,
) {
  for (const route of routes) {
    const former = all.find(
      ({ destination, priority }) => destination === route.destination && priority === route.priority,
    );
    undo.onFailure(() => {
      if (former !== undefined) netlink.execute(addRoute(index, former, "replace"));
    });
    netlink.execute(addRoute(index, route, "replace"));
  }
}

function routeBySource(
  container: Container,
  ips: readonly ResultIp[],
  ifname: string,
  config: SbrConfig,
): void {
  const { index } = requireChainedLink(container, ifname, "sbr");
  const sources = ips.map(({ address }) => address.address);
  const undo = new Rollback();
  try {
    undo.onFailure(() => moveBack(container, sources, { index, table: config.table }));
    // What a killed call has left: no two interfaces of a namespace have the same address.
    moveBack(container, sources, { index, table: config.table });
    const routes = mainRoutes(container, index);
    const rules = families.flatMap((family) => listRules(container.netlink, family));
    for (const table of planTables(ips, routes, usedTables(container, rules), config))
      fill(container, index, table);
    hint(container, index, hintedRoutes(ips, routes, config), routes, undo);
    clearMain(container, index, leavingRoutes(routes, config));
    undo.commit();
  } finally {
    undo.run();
  }
}

export function add(request: Request): Result {
  const config = readSbr(request);
  const result = requirePrevResult(request);
  const ips = requireIps(result, request.ifname);
  const container = openContainer(request);
  try {
    whileTablesLocked(container, request, false, () => routeBySource(container, ips, request.ifname, config));
  } finally {
    container.close();
  }
  return result;
}
