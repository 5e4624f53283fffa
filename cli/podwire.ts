/** The program `podwire`: the one place in cli/ that reads what the process was started with. */
import { exitNow } from "../shared/system/libc.ts";
import { commandsOf } from "./commands.ts";
import { runProgram } from "./main.ts";
import type { Catalogue } from "./validate/catalogue.ts";

/** Runs the command line, and exits. The catalogue has the other names of the executable. */
export function podwire(version: string, catalogue: Catalogue): never {
  const code = runProgram({
    commands: commandsOf(version, catalogue),
    version,
    arguments: process.argv.slice(2),
    // Every value in it is a string; only the type knows of undefined ones.
    environment: process.env as Record<string, string>,
  });
  exitNow(code);
}
