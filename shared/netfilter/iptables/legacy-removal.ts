/** What iptables-restore is given to remove chains of the legacy nat table with every jump to them. Pure. */
import type { LegacyRule } from "./legacy-table.ts";

/** Chains, and those that may jump to them. */
export interface ChainGroup {
  readonly bases: readonly string[];
  readonly chains: readonly string[];
}

/**
 * The input that removes those of the chains that exist; undefined if none does.
 *
 * The jumps go by their numbers, the last one first. Should a number be another rule's by then, a jump is left, the
 * kernel refuses to remove the chain, and nothing is changed.
 */
export function legacyRemoval(
  rules: readonly LegacyRule[],
  groups: readonly ChainGroup[],
): string | undefined {
  const present = groups
    .map(({ bases, chains }) => ({
      bases,
      chains: chains.filter((chain) => rules.some((rule) => rule.chain === chain)),
    }))
    .filter(({ chains }) => chains.length > 0);
  if (present.length === 0) return undefined;
  const chains = present.flatMap((group) => group.chains);
  const lines = [
    "*nat",
    ...jumpRemovals(rules, present),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
  ];
  return `${lines.join("\n")}\nCOMMIT\n`;
}

/** A line for every jump from a group's bases to its chains. */
export function jumpRemovals(rules: readonly LegacyRule[], groups: readonly ChainGroup[]): string[] {
  const numbers = new Map<string, number>();
  const lines: string[] = [];
  for (const { chain, jump } of rules) {
    const number = (numbers.get(chain) ?? 0) + 1;
    numbers.set(chain, number);
    if (jump === undefined) continue;
    if (groups.some((group) => group.bases.includes(chain) && group.chains.includes(jump))) {
      lines.push(`-D ${chain} ${number}`);
    }
  }
  return lines.reverse();
}
