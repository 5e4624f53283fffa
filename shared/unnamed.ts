/** What the executable does when it was called by a name that is none of its plugins'. */
import { exitNow } from "./system/libc.ts";
import { writeStandardError } from "./system/stdio.ts";

/** Says by which names it can be called, and exits with code 2. */
export function refuseName(names: readonly string[]): never {
  const called = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
  writeStandardError(
    `podwire: called as ${JSON.stringify(called)}, which is none of its plugins; call it as one of: ${names.join(", ")}\n`,
  );
  exitNow(2);
}
