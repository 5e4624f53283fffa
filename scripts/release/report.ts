/** The table of a release, for docs/install.md. */
import type { Trial } from "./trial.ts";

export interface Released extends Trial {
  readonly archive: string;
  /** Bytes of the archive. */
  readonly archiveSize: number;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export function report(released: readonly Released[]): string {
  const rows = released.map(({ archive, archiveSize, size, start, how }) => [
    `\`${archive}\``,
    megabytes(archiveSize),
    megabytes(size),
    start === undefined ? "" : `${start.toFixed(1)} ms`,
    how,
  ]);
  const all = [["archive", "size", "executable", "start", "tried out"], ...rows];
  const widths =
    all[0]?.map((_cell, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
