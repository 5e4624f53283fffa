/** Routing tables of a container that plugins fill: which numbers are free, and one call after the other. */
import type { Container } from "../cni/container.ts";
import type { Request } from "../cni/plugin.ts";
import type { Family } from "../ip/address.ts";
import { listRoutes } from "../netlink/route.ts";
import type { Rule } from "../netlink/rule.ts";
import { whileLocked } from "../system/lock.ts";
import { lockLimit } from "../system/lock-wait.ts";
import { namespaceIdentity } from "../system/netns.ts";

/** default, main, local (include/uapi/linux/rtnetlink.h). */
export const kernelTables = [253, 254, 255];
const families: readonly Family[] = [4, 6];

/** All numbers that a rule or a route names: a table that a killed call has left has routes, and perhaps no rule. */
export function usedTables({ netlink }: Container, rules: readonly Rule[]): Set<number> {
  const used = new Set(rules.map(({ table }) => table));
  for (const family of families) for (const { table } of listRoutes(netlink, { family })) used.add(table);
  return used;
}

/** The lowest numbers from `first` on that nothing uses. Pure. */
export function freeTables(used: ReadonlySet<number>, count: number, first: number): number[] {
  const free: number[] = [];
  for (let number = first; free.length < count; number++)
    if (!used.has(number) && !kernelTables.includes(number)) free.push(number);
  return free;
}

/** Two interfaces of a container do not choose the same table. `isRemoval`: for DEL. Throws codes 5 and 11. */
export function whileTablesLocked(
  { namespace }: Container,
  { environment }: Request,
  isRemoval: boolean,
  work: () => void,
): void {
  const name = `routing-tables-${namespaceIdentity(namespace)}`;
  const what = `the routing tables of ${namespace.path}`;
  whileLocked({ name, what, limitSeconds: lockLimit(environment) }, isRemoval, work);
}
