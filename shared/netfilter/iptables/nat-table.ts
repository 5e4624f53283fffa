/** The nat table as the kernel holds it, in whichever of its two packet filters: read over sockets, no process. */
import type { Family } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { NetfilterFamily } from "../nfnetlink.ts";
import { rulesOfChain } from "../nftables/chain-removal.ts";
import type { HeldRule, Table } from "../nftables/message.ts";
import { searchable } from "../search.ts";
import type { LegacyRule } from "./legacy-table.ts";
import { readLegacyNat } from "./legacy-variant.ts";
import { BASE_CHAIN, MASQUERADE_CHAIN, missingRule, type NatRules } from "./rules.ts";

/** Where iptables-nft keeps its nat table. */
export function nftTable(family: Family): Table {
  return { family: family === 4 ? NetfilterFamily.ipv4 : NetfilterFamily.ipv6, name: "nat" };
}

/** The rules of a chain; none if there is no such chain. */
export function nftRules(connection: NetlinkConnection, family: Family, chain: string): HeldRule[] {
  return rulesOfChain(connection, nftTable(family), chain);
}

export function nftNat(connection: NetlinkConnection, family: Family): NatRules {
  const texts = (chain: string) => nftRules(connection, family, chain).map((rule) => searchable(rule.body));
  return { base: texts(BASE_CHAIN), masquerade: texts(MASQUERADE_CHAIN) };
}

function legacyNat(rules: readonly LegacyRule[]): NatRules {
  const texts = (chain: string) => rules.filter((rule) => rule.chain === chain).map((rule) => rule.comment);
  return { base: texts(BASE_CHAIN), masquerade: texts(MASQUERADE_CHAIN) };
}

/** The rules in both places; the legacy ones are looked for only when they are asked for. */
export interface NatView {
  readonly nft: NatRules;
  readonly legacy: () => NatRules | undefined;
}

export function readNat(connection: NetlinkConnection, family: Family): NatView {
  const legacy = () => {
    const rules = readLegacyNat(family);
    return rules === undefined ? undefined : legacyNat(rules);
  };
  return { nft: nftNat(connection, family), legacy };
}

/** The rules, in one of the two places, that have all it takes for these paths to be masqueraded. */
export function findComplete(view: NatView, paths: readonly string[]): NatRules | undefined {
  if (missingRule(view.nft, paths) === undefined) return view.nft;
  const legacy = view.legacy();
  return legacy !== undefined && missingRule(legacy, paths) === undefined ? legacy : undefined;
}

/** What is missing for these paths to be masqueraded, or undefined if nothing is. */
export function findMissing(view: NatView, paths: readonly string[]): string | undefined {
  if (findComplete(view, paths) !== undefined) return undefined;
  return missingRule(view.legacy() ?? view.nft, paths);
}
