/**
 * Maps lines of the bundled program to sources, so that stacks of unexpected errors have TypeScript files and lines.
 */

let files: readonly string[] = [];
let places = "";

/**
 * Called once at build time. `text` has two code units for each line of the program: the number of its file in `names`, from 1, or
 * 0 for none; and the line there. An array of numbers would take 80 bytes of the image for each line while it is built.
 */
export function setSourceLines(names: readonly string[], text: string): void {
  files = names;
  places = text;
}

/** The engine's format of a frame in the bundle. */
const PLACE = /\(podwire\.js:(\d+):\d+\)/g;

function placeOf(line: number): string {
  const file = files[places.charCodeAt(2 * line) - 1];
  return file === undefined ? "podwire" : `${file}:${places.charCodeAt(2 * line + 1)}`;
}

/** An error's stack with the sources' positions, one frame a line. */
export function sourceStack(error: Error): string {
  const stack = (error.stack ?? "").replace(PLACE, (_, line: string) => `(${placeOf(Number(line))})`);
  return stack.trimEnd();
}
