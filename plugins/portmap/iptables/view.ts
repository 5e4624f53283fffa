/** The rules as the kernel holds them, in one of its two packet filters: read over sockets, no process. */
import type { Family } from "../../../shared/ip/address.ts";
import type { LegacyRule } from "../../../shared/netfilter/iptables/legacy-table.ts";
import { readLegacyTable } from "../../../shared/netfilter/iptables/legacy-variant.ts";
import { nftTable } from "../../../shared/netfilter/iptables/nat-table.ts";
import type { Restore } from "../../../shared/netfilter/iptables/restore.ts";
import { jumpsTo, presentChains, rulesOfChain } from "../../../shared/netfilter/nftables/chain-removal.ts";
import { expressionsText } from "../../../shared/netfilter/nftables/message.ts";
import { searchable } from "../../../shared/netfilter/search.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";

export interface ViewedRule {
  /** All it says, its comment among it, to search in and to compare: the same until the rule is changed. */
  readonly text: string;
  readonly jumpsTo: (chain: string) => boolean;
}

export interface TableView {
  readonly variant: "nf_tables" | "legacy";
  /** The rules of a chain in order; none if there is no such chain. */
  rules(table: "nat" | "raw", chain: string): ViewedRule[];
  /** Those of the chains that exist in the nat table. */
  present(chains: readonly string[]): string[];
  /** All rules of the nat table; none of nf_tables. */
  readonly legacy: readonly LegacyRule[];
}

export function nftView(connection: NetlinkConnection, family: Family): TableView {
  return {
    variant: "nf_tables",
    rules: (table, chain) =>
      rulesOfChain(connection, { ...nftTable(family), name: table }, chain).map((rule) => {
        const text = expressionsText(rule);
        return { text, jumpsTo: (target) => jumpsTo(text, target) };
      }),
    present: (chains) =>
      presentChains(
        connection,
        chains.map((chain) => ({ table: nftTable(family), bases: [], chain })),
      ).map(({ chain }) => chain),
    legacy: [],
  };
}

/** Undefined if there is no such nat table in this namespace. */
export function legacyView(family: Family): TableView | undefined {
  const nat = readLegacyTable(family, "nat");
  if (nat === undefined) return undefined;
  const tables = { nat: () => nat, raw: () => readLegacyTable(family, "raw") ?? [] };
  return {
    variant: "legacy",
    rules: (table, chain) =>
      tables[table]()
        .filter((rule) => rule.chain === chain)
        .map(({ body, jump }) => ({
          text: `${searchable(body)}${jump === undefined ? "" : `\0${jump}\0`}`,
          jumpsTo: (target) => jump === target,
        })),
    present: (chains) => chains.filter((chain) => nat.some((rule) => rule.chain === chain)),
    legacy: nat,
  };
}

const emptyLegacy: TableView = { variant: "legacy", rules: () => [], present: () => [], legacy: [] };

/** The rules in the packet filter that the tool changes. */
export function viewOf(connection: NetlinkConnection, family: Family, { variant }: Restore): TableView {
  if (variant === "nf_tables") return nftView(connection, family);
  const legacy = legacyView(family);
  if (variant === "legacy") return legacy ?? emptyLegacy;
  // A tool whose name does not tell: where there are legacy tables, they are its own.
  return legacy ?? nftView(connection, family);
}

/** Both, to look for something that may be in either. */
export function viewsOf(connection: NetlinkConnection, family: Family): TableView[] {
  const legacy = legacyView(family);
  return [nftView(connection, family), ...(legacy === undefined ? [] : [legacy])];
}
