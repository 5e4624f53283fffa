/** What a rule is, and how iptables-restore takes it. Pure. */
import type { ChangedTable, TableName } from "./saved.ts";

export interface Rule {
  readonly table: TableName;
  readonly chain: string;
  /** What follows the chain's name: matches, comment and target. */
  readonly spec: string;
  /** Whether it is inserted before the chain's other rules. */
  readonly isFirst?: true;
}

/** What all attachments share. */
export interface SharedRule extends Rule {
  readonly comment: string;
  /** Whether it goes with the last record that needs it. */
  readonly isRemovable?: true;
}

/** A chain of one attachment, and the jumps that lead to it. */
export interface OwnChain {
  readonly table: ChangedTable;
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly jumps: readonly Rule[];
}

export const ruleText = ({ chain, spec }: Rule): string => `${chain} ${spec}`;
export const addition = (rule: Rule): string => `${rule.isFirst ? "-I" : "-A"} ${ruleText(rule)}`;

/** A word for iptables-restore: in double quotes, with a backslash before what ends or escapes them. */
export function quoteWord(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

export const commented = (comment: string): string => `-m comment --comment ${quoteWord(comment)}`;

export function shared(
  table: Rule["table"],
  chain: string,
  match: string,
  comment: string,
  target: string,
): SharedRule {
  const words = [match, commented(comment), "-j", target].filter((word) => word !== "");
  return { table, chain, spec: words.join(" "), comment };
}

export const maskOf = (bit: number): string => `0x${(2 ** bit).toString(16)}`;
