/** All commands of `podwire`. */
import type { Command } from "./command.ts";
import { completionCommand } from "./completion/index.ts";
import { installCommand } from "./install/index.ts";
import { listCommand } from "./list/index.ts";
import { networkCommands } from "./network/commands.ts";
import type { Catalogue } from "./validate/catalogue.ts";
import { validateCommand } from "./validate/index.ts";

/** Returns the commands of this version. The catalogue has the plugins of the executable. */
export function commandsOf(version: string, catalogue: Catalogue): readonly Command[] {
  const workers = [
    installCommand(catalogue, version),
    ...networkCommands,
    listCommand,
    validateCommand(catalogue),
  ];
  return [...workers, completionCommand(workers)];
}
