/** Where a line of the bundled program comes from: stacks of unexpected errors say files and lines of the TypeScript. */

let files: readonly string[] = [];
let lines = new Uint32Array(0);

/** Called once, when the program is made: line by line the number of its file times 65536, and the line there. */
export function setSourceLines(names: readonly string[], numbers: readonly number[]): void {
  files = names;
  lines = Uint32Array.from(numbers);
}

/** What the engine writes for a frame of the bundle. */
const PLACE = /\(podwire\.js:(\d+):\d+\)/g;

function placeOf(line: number): string {
  const known = lines[line] ?? 0;
  return known === 0 ? "podwire" : `${files[known >>> 16]}:${known & 0xffff}`;
}

/** The stack of an error with the places of the sources in it, one frame a line. */
export function sourceStack(error: Error): string {
  const stack = (error.stack ?? "").replace(PLACE, (_, line: string) => `(${placeOf(Number(line))})`);
  return stack.trimEnd();
}
