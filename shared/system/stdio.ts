/** Standard input, output and error. */
import { readAll, writeAll } from "./file.ts";
import { tryCall } from "./libc.ts";

export function readStandardInput(): Uint8Array {
  return readAll(0, "standard input");
}

export function writeStandardOutput(text: string): void {
  writeAll(1, text, "standard output");
}

export function writeStandardError(text: string): void {
  writeAll(2, text, "standard error");
}

/** Whether standard output is a terminal: only one has a struct termios, which takes 36 bytes. */
export function isStandardOutputTerminal(): boolean {
  return tryCall("tcgets", 1, new Uint8Array(36)) === 0;
}
