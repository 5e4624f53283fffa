/** ADD: a table for each address of the interface, and a rule that leads its packets there. The result is the previous one. */
import { type Container, openContainer } from "../../shared/cni/container.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import {
  addRoute,
  deleteRoute,
  type KernelRoute,
  listRoutes,
  type Route,
} from "../../shared/netlink/route.ts";
import { addRule, deleteRule, listRules, type Rule } from "../../shared/netlink/rule.ts";
import { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import { whileLocked } from "../../shared/system/lock.ts";
import { lockLimit } from "../../shared/system/lock-wait.ts";
import { namespaceIdentity } from "../../shared/system/netns.ts";
import { readSbr, type SbrConfig } from "./config.ts";
import { families, mainRoutes, requireInterface, requireIps } from "./interface.ts";
import { hintedRoutes, leavingRoutes, planTables, type Table } from "./plan.ts";
import { removeRules } from "./remove-rules.ts";

/** All numbers that a rule or a route names: a table that a killed call has left has routes, and perhaps no rule. */
function usedTables({ netlink }: Container, rules: readonly Rule[]): Set<number> {
  const used = new Set(rules.map(({ table }) => table));
  for (const family of families) for (const { table } of listRoutes(netlink, { family })) used.add(table);
  return used;
}

/** Connected routes first: a gateway must be on the link already. */
const inOrder = (routes: readonly Route[]) =>
  [...routes].sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined));

function fill(
  { netlink }: Container,
  index: number,
  { source, number, routes }: Table,
  undo: Rollback,
): void {
  for (const route of inOrder(routes)) {
    undo.onFailure(() => netlink.attempt(deleteRoute(index, route), Errno.ESRCH));
    netlink.execute(addRoute(index, route, "replace"));
  }
  const rule = { source, table: number };
  undo.onFailure(() => netlink.attempt(deleteRule(rule), Errno.ENOENT));
  netlink.execute(addRule(rule));
}

/** The main table loses the interface's routes, once its packets find them elsewhere. */
function clearMain(
  { netlink }: Container,
  index: number,
  routes: readonly KernelRoute[],
  undo: Rollback,
): void {
  // Those by gateways first, in both directions: the kernel takes a gateway whose network has a route.
  for (const route of inOrder(routes).reverse()) {
    undo.onFailure(() => netlink.execute(addRoute(index, route)));
    netlink.attempt(deleteRoute(index, route), Errno.ESRCH);
  }
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
  const { index } = requireInterface(container, ifname);
  const routes = mainRoutes(container, index);
  // Rules for these addresses are left of a killed call: no two interfaces of a namespace have the same address.
  removeRules(
    container,
    ips.map(({ address }) => address.address),
    config.table,
  );
  const rules = families.flatMap((family) => listRules(container.netlink, family));
  const tables = planTables(ips, routes, usedTables(container, rules), config);
  const undo = new Rollback();
  try {
    for (const table of tables) fill(container, index, table, undo);
    hint(container, index, hintedRoutes(ips, routes, config), routes, undo);
    clearMain(container, index, leavingRoutes(routes, config), undo);
    undo.commit();
  } finally {
    undo.run();
  }
}

/** Two interfaces of a container do not choose the same table. Throws codes 5 and 11. */
function whileTablesLocked({ namespace }: Container, { environment }: Request, work: () => void): void {
  const name = `routing-tables-${namespaceIdentity(namespace)}`;
  const what = `the routing tables of ${namespace.path}`;
  whileLocked({ name, what, limitSeconds: lockLimit(environment) }, false, work);
}

export function add(request: Request): Result {
  const config = readSbr(request);
  const result = requirePrevResult(request);
  const ips = requireIps(result, request.ifname);
  const container = openContainer(request);
  try {
    whileTablesLocked(container, request, () => routeBySource(container, ips, request.ifname, config));
  } finally {
    container.close();
  }
  return result;
}
