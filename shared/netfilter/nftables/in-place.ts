/** Whether chains of our table are as they should be: their rules, and where they see packets. */
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { areInOrder, areSigned, type ChainSpecification, describeDisorder } from "./chain.ts";
import { describeMisplaced, haveTheirHooks } from "./hooks.ts";
import type { HeldRule } from "./message.ts";
import { ownTable } from "./own-table.ts";
import { rulesOf } from "./question.ts";

/** For ADD: `rules` are those of the table. The kernel is asked for hooks only where somebody else wrote the rules. */
export function areInPlace(
  connection: NetlinkConnection,
  rules: readonly HeldRule[],
  chains: readonly ChainSpecification[],
): boolean {
  if (!areInOrder(rules, chains)) return false;
  return areSigned(rules, chains) || haveTheirHooks(connection, chains);
}

/** For CHECK: what is wrong with the first chain that is not as it should be, in words; undefined if all are. */
export function describeFault(
  connection: NetlinkConnection,
  chains: readonly ChainSpecification[],
): string | undefined {
  const rules = rulesOf(connection, ownTable);
  return describeMisplaced(connection, chains) ?? describeDisorder(rules, chains);
}
