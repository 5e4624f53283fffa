/** The program `podwire` with all its commands. */
import { exitNow } from "../shared/system/libc.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion/index.ts";
import { installCommand } from "./install/index.ts";
import { listCommand } from "./list/index.ts";
import { runProgram } from "./main.ts";
import { networkCommands } from "./network/commands.ts";
import type { Catalogue } from "./validate/catalogue.ts";
import { validateCommand } from "./validate/index.ts";

const workersFor = (version: string, catalogue: Catalogue): readonly Command[] => [
  installCommand(catalogue, version),
  ...networkCommands,
  listCommand,
  validateCommand(catalogue),
];

/** Runs the command line, and exits. The catalogue has the other names of the executable. */
export async function podwire(version: string, catalogue: Catalogue): Promise<never> {
  const workers = workersFor(version, catalogue);
  const commands = [...workers, completionCommand(workers)];
  exitNow(await runProgram(commands, version, process.argv.slice(2)));
}
