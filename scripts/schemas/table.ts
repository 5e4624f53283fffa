/** Makes the table of keys in a plugin's README from their descriptions. */
import type { PluginSchema, Properties, Shape } from "../../shared/cni/schema.ts";

const START = "<!-- keys -->";
const END = "<!-- /keys -->";
const header = ["key", "default", "meaning"] as const;

type Row = readonly [string, string, string];

function defaultOf(shape: Shape): string {
  if (shape.defaultText !== undefined) return shape.defaultText;
  return shape.default === undefined ? "none" : `\`${JSON.stringify(shape.default).replaceAll(",", ", ")}\``;
}

function rowsBelow(shape: Shape, path: string): Row[] {
  if (shape.type === "object") return rowsOf(shape.properties, `${path}.`);
  return shape.type === "array" ? rowsBelow(shape.items, `${path}[]`) : [];
}

/** Keys without a description are explained elsewhere in the README. */
function rowsOf(properties: Properties, prefix = ""): Row[] {
  return Object.entries(properties).flatMap(([key, shape]) => {
    const path = `${prefix}${key}`;
    const { description } = shape;
    const own: Row[] = description === undefined ? [] : [[`\`${path}\``, defaultOf(shape), description]];
    return [...own, ...rowsBelow(shape, path)];
  });
}

function render(rows: readonly Row[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[], fill = " ") =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  return [line(header), line(["", "", ""], "-"), ...rows.map((row) => line(row))].join("\n");
}

function keyTable({ properties, capabilities = {} }: PluginSchema): string {
  return render([...rowsOf(properties), ...rowsOf(capabilities, "runtimeConfig.")]);
}

/** The README with an updated table; undefined if it has no marks for the table. */
export function withKeyTable(readme: string, schema: PluginSchema): string | undefined {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start < 0 || end < start) return undefined;
  return `${readme.slice(0, start)}${START}\n${keyTable(schema)}\n${readme.slice(end)}`;
}
