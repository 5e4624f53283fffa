import { call } from "../../shared/system/libc.ts";
import { decodeText } from "../../shared/system/text.ts";

const NEWLINE = 10;

/** The lines of standard input, each as soon as it arrives. Runs in the engine. */
export function* linesOfInput(): Generator<string> {
  let rest = new Uint8Array(0);
  for (;;) {
    const end = rest.indexOf(NEWLINE);
    if (end >= 0) {
      yield decodeText(rest.subarray(0, end));
      rest = rest.slice(end + 1);
      continue;
    }
    const more = new Uint8Array(rest.length + 65_536);
    more.set(rest);
    const count = call("read", "standard input", 0, more.subarray(rest.length));
    if (count === 0) return;
    rest = more.subarray(0, rest.length + count);
  }
}
