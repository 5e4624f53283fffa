/** A table as iptables-save lists it, and the input that removes chains of it. Pure. */

export interface SavedTable {
  readonly chains: ReadonlySet<string>;
  /** As "CHAIN MATCHES -j TARGET". */
  readonly rules: readonly string[];
}

export function readSaved(text: string): SavedTable {
  const chains = new Set<string>();
  const rules: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(":")) chains.add(line.slice(1, line.indexOf(" ")));
    else if (line.startsWith("-A ")) rules.push(line.slice(3));
  }
  return { chains, rules };
}

export const chainOf = (rule: string): string => rule.slice(0, rule.indexOf(" "));

/** The chain that a rule jumps to; undefined for a target with options, which is never a chain. */
export const jumpOf = (rule: string): string | undefined => / -j (\S+)$/.exec(rule)?.[1];

/** Those with chains of attachments. */
export const changedTables = ["filter", "nat"] as const;
export type ChangedTable = (typeof changedTables)[number];
/** Those of which only the built-in chains have rules of podwire's. */
export const baseTables = ["raw", "mangle"] as const;
/** A line of one table that is refused keeps the later ones from being changed: those with all that changes are the last. */
const tableNames = [...baseTables, ...changedTables] as const;
export type TableName = (typeof tableNames)[number];

/** The input of iptables-restore for lines per table; empty without lines. */
export function restoreInput(tables: Readonly<Partial<Record<TableName, readonly string[]>>>): string {
  return tableNames
    .map((table) => {
      const lines = tables[table] ?? [];
      return lines.length === 0 ? "" : `*${table}\n${lines.join("\n")}\nCOMMIT\n`;
    })
    .join("");
}

/** The input that removes the chains of that name with the jumps to them; empty if there are none. */
export function removalInput(
  table: TableName,
  saved: SavedTable,
  isMeant: (chain: string) => boolean,
): string {
  const chains = [...saved.chains].filter(isMeant);
  if (chains.length === 0) return "";
  const jumps = saved.rules.filter((rule) => isMeant(jumpOf(rule) ?? "") && !isMeant(chainOf(rule)));
  const lines = [
    ...jumps.map((rule) => `-D ${rule}`),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
  ];
  return restoreInput({ [table]: lines });
}

const ESCAPED = /\\(.)/g;

/** The words of a rule: those with spaces are in double quotes, and a backslash stands before what ends or escapes them. */
export function wordsOf(rule: string): string[] {
  const words = rule.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(ESCAPED, "$1") : word));
}
