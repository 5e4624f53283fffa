/** The table of a release, for docs/install.md. */
import { table } from "../markdown.ts";
import type { Trial } from "./trial.ts";

export interface Released extends Trial {
  readonly archive: string;
  /** Archive size in bytes. */
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
  return table([["archive", "size", "executable", "start", "tried out"], ...rows]);
}
