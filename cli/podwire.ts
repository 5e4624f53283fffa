/** The command `podwire` of the executable. */
import { commandsOf } from "./commands.ts";
import { runProgram } from "./main.ts";
import type { Catalogue } from "./validate/catalogue.ts";

type Environment = Readonly<Record<string, string>>;

/** Of that version; the catalogue has the other names of the executable. What it returns takes words, and gives an exit code. */
export function commandOf(
  version: string,
  catalogue: Catalogue,
): (words: readonly string[], environment: Environment) => number {
  const commands = commandsOf(version, catalogue);
  return (words, environment) => runProgram({ commands, version, words, environment });
}
