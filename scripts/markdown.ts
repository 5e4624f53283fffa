/** Markdown for the reports in README.md and docs/: tables, and generated parts between <!-- name --> and <!-- /name -->. */
import { readFileSync, writeFileSync } from "node:fs";

/** A Markdown table with aligned columns. The first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const widths = heading.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [heading, widths.map((width) => "-".repeat(width)), ...body].map(line).join("\n");
}

const marksOf = (name: string) => ({ begin: `<!-- ${name} -->`, end: `<!-- /${name} -->` });

/** Whether a file has the marks of that name. */
export function hasMarks(file: string, name: string): boolean {
  const { begin, end } = marksOf(name);
  const text = readFileSync(file, "utf8");
  const from = text.indexOf(begin);
  return from >= 0 && text.indexOf(end) > from;
}

/** Puts the text between the marks of that name, and changes nothing else. Throws if the file has none. */
export function writeBetweenMarks(file: string, name: string, text: string): void {
  const { begin, end } = marksOf(name);
  if (!hasMarks(file, name)) throw new Error(`${file} has no marks ${begin} and ${end}`);
  const old = readFileSync(file, "utf8");
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
