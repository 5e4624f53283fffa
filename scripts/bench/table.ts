/** A Markdown table with aligned columns. The first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const widths = heading.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [heading, widths.map((width) => "-".repeat(width)), ...body].map(line).join("\n");
}

/** Compares a figure with its upper limit. */
export function judgeMost(figure: number, goal: number | undefined): string {
  if (goal === undefined) return "";
  const missed = Math.round((figure / goal - 1) * 100);
  return `<= ${goal}, ${figure <= goal ? "met" : `missed by ${missed} %`}`;
}

/** Compares a figure with its lower limit. */
export function judgeLeast(figure: number, goal: number | undefined): string {
  if (goal === undefined) return "";
  const missed = Math.round((1 - figure / goal) * 100);
  return `>= ${goal}, ${figure >= goal ? "met" : `missed by ${missed} %`}`;
}
