/** What ADD did, undone: the routes go back to the main table, and the rules of the addresses go. */
import { connectedFirst } from "../../shared/attachment/routes.ts";
import type { Container } from "../../shared/cni/container.ts";
import { type IpAddress, isSameIp } from "../../shared/ip/address.ts";
import { addRoute, deleteRoute, listRoutes } from "../../shared/netlink/route.ts";
import { deleteRule } from "../../shared/netlink/rule.ts";
import { Errno } from "../../shared/system/errno.ts";
import { families, MAIN_TABLE, type OwnRule, ownRules } from "./interface.ts";
import { OWN_PROTOCOL } from "./plan.ts";

export interface Place {
  /** Of the interface; undefined if it is gone, and its routes with it. */
  readonly index: number | undefined;
  /** The configured table, whose routes are another program's; undefined for tables of sbr's own. */
  readonly table: number | undefined;
}

/** Moves the interface's routes in a table back, connected ones first. Those that ADD has made itself only go. */
function emptyTable({ netlink }: Container, { source, table }: OwnRule, index: number): void {
  const routes = connectedFirst(listRoutes(netlink, { family: source.family, index, table }));
  for (const route of routes) {
    if (route.protocol !== OWN_PROTOCOL)
      // Not "exclusive": another interface of the container may have a default route of the same metric.
      netlink.attempt(addRoute(index, { ...route, table: MAIN_TABLE }, "first"), Errno.EEXIST);
  }
  for (const route of routes.reverse()) netlink.attempt(deleteRoute(index, route), Errno.ESRCH);
}

/** Undoes ADD for these addresses. With a configured table, only rules that lead there go. */
export function moveBack(container: Container, sources: readonly IpAddress[], { index, table }: Place): void {
  const { netlink } = container;
  for (const family of families) {
    if (!sources.some((source) => source.family === family)) continue;
    for (const rule of ownRules(container, family, table)) {
      if (!sources.some((source) => isSameIp(source, rule.source))) continue;
      if (index !== undefined && table === undefined) emptyTable(container, rule, index);
      netlink.attempt(deleteRule(rule, rule.priority), Errno.ENOENT);
    }
  }
}
