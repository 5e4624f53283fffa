/** Chains of the nat table in either variant of iptables: whether they are there, and their removal. */
import type { Family } from "../../ip/address.ts";
import { NetfilterFamily } from "../../netlink/netfilter.ts";
import type { Table } from "../../nftables/message.ts";
import { presentChains, removeChains } from "../../nftables/remove-chains.ts";
import { readTextIfPresent } from "../../system/file.ts";
import type { FilterContext } from "../kernel.ts";
import { findRestore, type Purpose, runRestore, runSave, type Tool, type Variant } from "./restore.ts";
import { removalInput, type SavedTable } from "./saved.ts";

export type NatContext = Pick<FilterContext, "connection" | "environment">;

/** Where iptables-nft has its nat table. */
export const nftTable = (family: Family): Table => ({
  family: family === 4 ? NetfilterFamily.ipv4 : NetfilterFamily.ipv6,
  name: "nat",
});

/** Those of the chains that the variant nf_tables has. One round trip. */
export function nftChains({ connection }: NatContext, family: Family, chains: readonly string[]): string[] {
  const places = chains.map((chain) => ({ table: nftTable(family), bases: [], chain }));
  return presentChains(connection, places).map(({ chain }) => chain);
}

/** The iptables-restore of a variant, if the variant may have rules of the nat table. Reads one file, starts nothing. */
export function legacyTool({ environment }: NatContext, family: Family): Tool | undefined {
  // iptables-legacy-save would make the table; this file only names the tables there are.
  const tables = readTextIfPresent(family === 4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names");
  return tables?.split("\n").includes("nat") ? findRestore(family, environment, "legacy") : undefined;
}

/** The legacy nat table; undefined if the kernel does not have it, or its tool is not installed. One process at most. */
export function legacyNat(context: NatContext, family: Family, purpose: Purpose): SavedTable | undefined {
  const tool = legacyTool(context, family);
  return tool === undefined ? undefined : runSave(tool, "nat", purpose);
}

/** Chains, and the chains that may jump to them. */
export interface ChainGroup {
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
  const chains = new Set(groups.flatMap((group) => group.chains));
  if (chains.size === 0) return;
  if (variant === "nf_tables") {
    const table = nftTable(family);
    const places = groups.flatMap(({ bases, chains }) => chains.map((chain) => ({ table, bases, chain })));
    removeChains(context.connection, places);
    return;
  }
  const tool = legacyTool(context, family);
  if (tool === undefined) return;
  const isMeant = (chain: string): boolean => chains.has(chain);
  runRestore(tool, removalInput(runSave(tool, "nat", purpose), isMeant), purpose);
}
