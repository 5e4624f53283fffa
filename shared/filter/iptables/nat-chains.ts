/** Chains of the tables nat and filter in either variant of iptables: whether they are there, and their removal. */
import type { Family } from "../../ip/address.ts";
import { NetfilterFamily } from "../../netlink/netfilter.ts";
import type { Table } from "../../nftables/message.ts";
import { presentChains, removeChains } from "../../nftables/remove-chains.ts";
import { readTextIfPresent } from "../../system/file.ts";
import type { FilterContext } from "../kernel.ts";
import { findRestore, type Purpose, runRestore, runSave, type Tool, type Variant } from "./restore.ts";
import { type ChangedTable, removalInput, type SavedTable, type TableName } from "./saved.ts";

export type NatContext = Pick<FilterContext, "connection" | "environment">;

/** Where iptables-nft has a table. */
export const nftTable = (family: Family, name: TableName = "nat"): Table => ({
  family: family === 4 ? NetfilterFamily.ipv4 : NetfilterFamily.ipv6,
  name,
});

/** Those of the chains of a table that the variant nf_tables has. One round trip. */
export function nftChains(
  { connection }: NatContext,
  family: Family,
  chains: readonly string[],
  table: TableName = "nat",
): string[] {
  const places = chains.map((chain) => ({ table: nftTable(family, table), bases: [], chain }));
  return presentChains(connection, places).map(({ chain }) => chain);
}

/** The iptables-restore of a variant, if the variant may have rules of the table. Reads one file, starts nothing. */
export function legacyTool(
  { environment }: Pick<NatContext, "environment">,
  family: Family,
  table: TableName = "nat",
): Tool | undefined {
  // iptables-legacy-save would make the table; this file only names the tables there are.
  const tables = readTextIfPresent(family === 4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names");
  return tables?.split("\n").includes(table) ? findRestore(family, environment, "legacy") : undefined;
}

/** The legacy nat table; undefined if the kernel does not have it, or its tool is not installed. One process at most. */
export function legacyNat(context: NatContext, family: Family, purpose: Purpose): SavedTable | undefined {
  const tool = legacyTool(context, family);
  return tool === undefined ? undefined : runSave(tool, "nat", purpose);
}

/** Chains of a table (nat by default), and the chains that may jump to them. */
export interface ChainGroup {
  readonly table?: ChangedTable;
  readonly bases: readonly string[];
  readonly chains: readonly string[];
}

/** Removes those of the chains that a variant has, with the jumps to them. nf_tables: by netlink, without a process. */
export function removeNatChains(
  context: NatContext,
  variant: Variant,
  family: Family,
  groups: readonly ChainGroup[],
  purpose: Purpose,
): void {
  if (variant === "nf_tables") {
    const places = groups.flatMap(({ table, bases, chains }) =>
      chains.map((chain) => ({ table: nftTable(family, table), bases, chain })),
    );
    if (places.length > 0) removeChains(context.connection, places);
    return;
  }
  for (const { table = "nat", chains } of groups) {
    const tool = chains.length === 0 ? undefined : legacyTool(context, family, table);
    if (tool === undefined) continue;
    const isMeant = (chain: string): boolean => chains.includes(chain);
    runRestore(tool, removalInput(table, runSave(tool, table, purpose), isMeant), purpose);
  }
}
