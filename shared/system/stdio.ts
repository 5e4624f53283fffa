/** Standard input, output and error, by descriptor: the runtime's own streams cost 10 ms of start. */
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

/** Whether standard output is a terminal: only one has terminal attributes, ioctl_tty(2). */
export function isStandardOutputTerminal(): boolean {
  const TCGETS = 0x5401;
  // struct termios, include/uapi/asm-generic/termbits.h: 36 bytes.
  return tryCall("ioctl", 1, TCGETS, new Uint8Array(64)) === 0;
}
