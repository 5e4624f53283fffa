/** The command `podwire`. */
import { commandsOf } from "./commands.ts";
import { runProgram } from "./main.ts";
import type { Catalogue } from "./validate/catalogue.ts";

type Environment = Readonly<Record<string, string>>;

/**
 * Returns the command for this version. The catalogue has the plugins of the executable. The function takes words and
 * returns an exit code.
 */
export function commandOf(
  version: string,
  catalogue: Catalogue,
): (words: readonly string[], environment: Environment) => number {
  const commands = commandsOf(version, catalogue);
  return (words, environment) => runProgram({ commands, version, words, environment });
}
