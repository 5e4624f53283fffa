/**
 * The guard: VXLAN frames of this network are taken from its peers only, and pods send none to them. Without it the kernel takes
 * them from any sender that knows the VNI, whatever the forwarding entries say.
 */
import { formatIp, fromBytes, type IpAddress, toBytes } from "../../shared/ip/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { withNetfilter } from "../../shared/netlink/netfilter.ts";
import { deleteKeys, newElements } from "../../shared/nftables/element.ts";
import { deleteTable, newTable, type Table } from "../../shared/nftables/message.ts";
import { allElements, hasTable, rulesOf } from "../../shared/nftables/query.ts";
import { retryCommit } from "../../shared/nftables/transaction.ts";
import { type Guard, guardSet, guardTable, isGuard, makeGuard } from "./guard-rule.ts";

const keyText = (bytes: Uint8Array) => formatIp(fromBytes(bytes));

/** The elements to remove and to add, for the set to hold just these addresses. */
function compareSet(connection: NetlinkConnection, table: Table, set: string, vteps: readonly IpAddress[]) {
  const present = new Map(allElements(connection, table, set).map(({ key }) => [keyText(key), key]));
  const missing: Uint8Array[] = [];
  for (const key of vteps.map(toBytes)) {
    if (!present.delete(keyText(key))) missing.push(key);
  }
  return { missing, foreign: Array.from(present.values()) };
}

const isInPlace = (connection: NetlinkConnection, guard: Guard): boolean =>
  isGuard(rulesOf(connection, guardTable(guard.network)), guard);

/** Whether the guard's rules are as they were made, whatever addresses it lets in. */
export const isGuardInPlace = (guard: Guard): boolean =>
  withNetfilter((connection) => isInPlace(connection, guard));

/** Makes the guard let in just these addresses. A table for another VNI or port, or a changed one, is replaced. */
export function ensureGuard(guard: Guard, vteps: readonly IpAddress[]): void {
  const [table, set] = [guardTable(guard.network), guardSet(guard)];
  const elementsOf = (keys: readonly Uint8Array[]) =>
    newElements(
      table,
      set,
      keys.map((key) => ({ key: [key] })),
    );
  withNetfilter((connection) =>
    retryCommit(connection, () => {
      if (!isInPlace(connection, guard)) {
        // Made first: a table that does not exist cannot be removed.
        const empty = [newTable(table, ""), deleteTable(table)];
        return [...empty, ...makeGuard(guard), ...elementsOf(vteps.map(toBytes))];
      }
      const { missing, foreign } = compareSet(connection, table, set, vteps);
      return [...elementsOf(missing), ...deleteKeys(table, set, foreign)];
    }),
  );
}

/** Removes the guard of a network. */
export function removeGuard(network: string): void {
  const table = guardTable(network);
  withNetfilter((connection) =>
    retryCommit(connection, () => (hasTable(connection, table) ? [deleteTable(table)] : [])),
  );
}

/** The addresses that a network's guard lets in; undefined without a guard. */
export function heldVteps(guard: Guard): IpAddress[] | undefined {
  return withNetfilter((connection) => {
    if (!isInPlace(connection, guard)) return undefined;
    const elements = allElements(connection, guardTable(guard.network), guardSet(guard));
    return elements.map(({ key }) => fromBytes(key));
  });
}

/** Describes the differences of the guard. */
export function guardProblems(guard: Guard, vteps: readonly IpAddress[]): string[] {
  const [table, set] = [guardTable(guard.network), guardSet(guard)];
  return withNetfilter((connection) => {
    if (!isInPlace(connection, guard)) {
      return [
        `the guard does not drop VXLAN of strangers: a rule is missing or changed in the table inet ${table.name}`,
      ];
    }
    const { missing, foreign } = compareSet(connection, table, set, vteps);
    const list = (keys: readonly Uint8Array[]) => keys.map(keyText).join(", ");
    return [
      ...(missing.length === 0 ? [] : [`missing in the guard's set ${set}: ${list(missing)}`]),
      ...(foreign.length === 0 ? [] : [`foreign in the guard's set ${set}: ${list(foreign)}`]),
    ];
  });
}
