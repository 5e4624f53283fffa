/** Whether the kernel's tables are as their groups want them, and what is wrong if not. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { KernelRule, Table } from "../nftables/message.ts";
import { findElements, rulesOf } from "../nftables/query.ts";
import { gateDamage } from "./forward-gate.ts";
import { features } from "./projection.ts";
import {
  bridgeTable,
  type Chain,
  type Group,
  inetTable,
  type PlacedSet,
  type Structure,
  sentinelOf,
} from "./structure.ts";

const tables: readonly Table[] = [inetTable, bridgeTable];

const tableText = ({ name }: Table, isBridge: boolean) => `the table ${isBridge ? "bridge" : "inet"} ${name}`;

function damageOfChain({ name, rules }: Chain, present: readonly KernelRule[]): string | undefined {
  for (const [index, { comment }] of rules.entries()) {
    const rule = present[index];
    if (rule?.isSigned === true && rule.comment === comment) continue;
    const isThere = present.some((each) => each.comment === comment);
    return `the rule "${comment}" of the chain ${name} is ${isThere ? "changed, or out of its place" : "missing"}`;
  }
  return present.length > rules.length ? `the chain ${name} has a rule too many` : undefined;
}

function damageOfChains(chains: readonly Chain[], present: readonly KernelRule[]): string | undefined {
  const byChain = new Map<string, KernelRule[]>();
  for (const rule of present) {
    const rules = byChain.get(rule.chain);
    if (rules === undefined) byChain.set(rule.chain, [rule]);
    else rules.push(rule);
  }
  for (const chain of chains) {
    const damage = damageOfChain(chain, byChain.get(chain.name) ?? []);
    if (damage !== undefined) return damage;
  }
  return undefined;
}

function damageOfSets(
  connection: NetlinkConnection,
  table: Table,
  sets: readonly PlacedSet[],
): string | undefined {
  const sentinels = sets.map((set) => ({ set: set.name, key: sentinelOf(set).key }));
  const missing = findElements(connection, table, sentinels).indexOf(undefined);
  return missing < 0 ? undefined : `the set ${sets[missing]?.name} is missing, or was emptied`;
}

function damageOfFeature(
  connection: NetlinkConnection,
  { sets, chains }: Structure,
  rulesIn: (table: Table) => readonly KernelRule[],
): string | undefined {
  for (const table of tables) {
    const own = chains.filter((chain) => chain.table === table);
    if (own.length === 0) continue;
    const damage =
      damageOfChains(own, rulesIn(table)) ??
      damageOfSets(
        connection,
        table,
        sets.filter((set) => set.table === table),
      );
    if (damage !== undefined) return `${damage} in ${tableText(table, table === bridgeTable)}`;
  }
  return undefined;
}

/**
 * The first thing that is wrong with the rules and sets that attachments share, in words; undefined if nothing is. A rule that
 * podwire did not write, as nft restores it from a file, counts as changed.
 */
export function describeDamage(connection: NetlinkConnection, groups: readonly Group[]): string | undefined {
  const known = new Map<Table, readonly KernelRule[]>();
  const rulesIn = (table: Table) => {
    const rules = known.get(table) ?? rulesOf(connection, table);
    known.set(table, rules);
    return rules;
  };
  for (const feature of features) {
    const damage = damageOfFeature(connection, feature.structureOf(groups), rulesIn);
    if (damage !== undefined) return `${feature.name}: ${damage}`;
  }
  const damage = gateDamage(connection, groups);
  return damage && `the firewall: ${damage}`;
}
