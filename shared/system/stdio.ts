/** Standard input, output and error. */
import { readAll, writeAll } from "./file.ts";

export function readStandardInput(): Uint8Array {
  return readAll(0, "standard input");
}

export function writeStandardOutput(text: string): void {
  writeAll(1, text, "standard output");
}

export function writeStandardError(text: string): void {
  writeAll(2, text, "standard error");
}
