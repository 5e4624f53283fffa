/** Markdown for the reports in README.md and docs. */
import { readFileSync, writeFileSync } from "node:fs";

/** A Markdown table with aligned columns. The first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const widths = heading.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [heading, widths.map((width) => "-".repeat(width)), ...body].map(line).join("\n");
}

/** Replaces the text between `<!-- NAME -->` and `<!-- /NAME -->` in a file. */
export function replaceMarked(file: string, name: string, text: string): void {
  const old = readFileSync(file, "utf8");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no marks ${begin} and ${end}`);
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
