/**
 * The guard accepts VXLAN frames of this network from its peers only. Without it the kernel accepts them from any
 * sender that uses the VNI, with or without forwarding entries. One rule and one set of addresses per network, in our
 * table.
 */
import { formatIp, fromBytes, type IpAddress, toBytes } from "../../shared/ip/address.ts";
import { withNetfilter } from "../../shared/netfilter/host.ts";
import { areInOrder, putInOrder } from "../../shared/netfilter/nftables/chain.ts";
import { deleteKeys, newElements } from "../../shared/netfilter/nftables/element.ts";
import { mendWithHooks } from "../../shared/netfilter/nftables/hooks.ts";
import { areInPlace, describeFault } from "../../shared/netfilter/nftables/in-place.ts";
import { deleteChain, deleteRule, type HeldRule } from "../../shared/netfilter/nftables/message.ts";
import { addressTypes, newOwnTable, ownTable } from "../../shared/netfilter/nftables/own-table.ts";
import { allElements, rulesOf } from "../../shared/netfilter/nftables/question.ts";
import { deleteSet, newSet } from "../../shared/netfilter/nftables/set.ts";
import { retryCommit } from "../../shared/netfilter/nftables/transaction.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import { GUARD_CHAIN, type Guard, guardChain, guardSet, ownRules, setOf } from "./guard-rule.ts";

const keyText = (bytes: Uint8Array) => formatIp(fromBytes(bytes));

/** The elements to remove and to add, so that the set has exactly these addresses. */
function compareSet(connection: NetlinkConnection, set: string, vteps: readonly IpAddress[]) {
  const held = new Map(allElements(connection, ownTable, set).map(({ key }) => [keyText(key), key]));
  const missing: Uint8Array[] = [];
  for (const key of vteps.map(toBytes)) {
    if (!held.delete(keyText(key))) missing.push(key);
  }
  return { missing, foreign: Array.from(held.values()) };
}

function staleRules(
  rules: readonly HeldRule[],
  { network }: Pick<Guard, "network">,
  keep: string,
): NetlinkMessage[] {
  const stale = ownRules(rules, network).filter((rule) => setOf(rule) !== keep);
  return stale.flatMap((rule) => [
    deleteRule(ownTable, GUARD_CHAIN, rule.handle),
    deleteSet(ownTable, setOf(rule)),
  ]);
}

/** Makes the guard accept exactly these addresses. Removes the network's guard for a former VNI or port. */
export function ensureGuard(guard: Guard, vteps: readonly IpAddress[]): void {
  const set = guardSet(guard);
  withNetfilter((connection) => {
    retryCommit(connection, () => {
      const rules = rulesOf(connection, ownTable);
      const { missing, foreign } = compareSet(connection, set, vteps);
      const specification = {
        name: set,
        key: [addressTypes[guard.family]],
        comment: `peers of the network ${guard.network}`,
      };
      const chains = [guardChain(guard)];
      const make = (held: readonly HeldRule[]) => [
        newOwnTable(),
        newSet(ownTable, specification, 1),
        ...putInOrder(ownTable, held, chains),
      ];
      const made = areInPlace(connection, rules, chains)
        ? []
        : mendWithHooks(connection, chains, rules, make);
      const element = (key: Uint8Array) => ({ key: [key] });
      return [
        ...made,
        ...newElements(ownTable, set, missing.map(element)),
        ...deleteKeys(ownTable, set, foreign),
        ...staleRules(rules, guard, set),
      ];
    });
  });
}

/** Removes all guards of a network, and the chain if it becomes empty. */
export function removeGuard(network: string): void {
  withNetfilter((connection) =>
    retryCommit(
      connection,
      () => {
        const rules = rulesOf(connection, ownTable, GUARD_CHAIN);
        const own = ownRules(rules, network);
        if (own.length === 0) return [];
        const isLast = own.length === rules.length;
        return [
          ...staleRules(rules, { network }, ""),
          ...(isLast ? [deleteChain(ownTable, GUARD_CHAIN)] : []),
        ];
      },
      "as it was",
    ),
  );
}

/** The addresses that a network's guard accepts; undefined without a guard. */
export function heldVteps(guard: Guard): IpAddress[] | undefined {
  return withNetfilter((connection) => {
    if (!areInOrder(rulesOf(connection, ownTable), [guardChain(guard)])) return undefined;
    return allElements(connection, ownTable, guardSet(guard)).map(({ key }) => fromBytes(key));
  });
}

/** Describes the differences of the guard. */
export function guardProblems(guard: Guard, vteps: readonly IpAddress[]): string[] {
  return withNetfilter((connection) => {
    const fault = describeFault(connection, [guardChain(guard)]);
    if (fault !== undefined) {
      return [`the guard does not drop VXLAN of strangers: ${fault} in the table inet podwire`];
    }
    const set = guardSet(guard);
    const { missing, foreign } = compareSet(connection, set, vteps);
    const list = (keys: readonly Uint8Array[]) => keys.map(keyText).join(", ");
    return [
      ...(missing.length === 0 ? [] : [`missing in the guard's set ${set}: ${list(missing)}`]),
      ...(foreign.length === 0 ? [] : [`foreign in the guard's set ${set}: ${list(foreign)}`]),
    ];
  });
}
