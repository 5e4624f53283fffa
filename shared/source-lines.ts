/**
 * Maps lines of the bundled program to sources, so that stacks of unexpected errors have TypeScript files and lines.
 */

let files: readonly string[] = [];
let lines = new Uint32Array(0);

/** Called once at build time. For each line: the index of its file times 65536, plus the line there. */
export function setSourceLines(names: readonly string[], numbers: readonly number[]): void {
  files = names;
  lines = Uint32Array.from(numbers);
}

/** The engine's format of a frame in the bundle. */
const PLACE = /\(podwire\.js:(\d+):\d+\)/g;

function placeOf(line: number): string {
  const known = lines[line] ?? 0;
  return known === 0 ? "podwire" : `${files[known >>> 16]}:${known & 0xffff}`;
}

/** An error's stack with the sources' positions, one frame a line. */
export function sourceStack(error: Error): string {
  const stack = (error.stack ?? "").replace(PLACE, (_, line: string) => `(${placeOf(Number(line))})`);
  return stack.trimEnd();
}
