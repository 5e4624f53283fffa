/** What the person at the terminal sees. */

/** Something that the demo had to show and could not. */
export class Failure extends Error {}

let steps = 0;

/** Begins the next numbered step. */
export function step(title: string): void {
  steps += 1;
  console.log(`\n${steps}. ${title}`);
}

/** Something that was shown to be true. */
export function success(text: string): void {
  console.log(`   ok  ${text}`);
}

/** Something to look at. */
export function detail(text: string): void {
  for (const line of text.split("\n")) console.log(`       ${line}`);
}
