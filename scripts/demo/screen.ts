/** The demo's output on the terminal. */

/** A step of the demo failed. */
export class Failure extends Error {}

let steps = 0;

/** Starts the next numbered step. */
export function step(title: string): void {
  steps += 1;
  console.log(`\n${steps}. ${title}`);
}

/** Prints a fact that the demo has verified. */
export function success(text: string): void {
  console.log(`   ok  ${text}`);
}

/** Prints text to look at. */
export function detail(text: string): void {
  for (const line of text.split("\n")) console.log(`       ${line}`);
}
