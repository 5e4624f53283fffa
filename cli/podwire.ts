/** The program `podwire` with all its commands. */
import { exitNow } from "../shared/system/libc.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion/index.ts";
import { listCommand } from "./list/index.ts";
import { runProgram } from "./main.ts";
import { networkCommands } from "./network/commands.ts";

const workers: readonly Command[] = [...networkCommands, listCommand];
const commands: readonly Command[] = [...workers, completionCommand(workers)];

/** Runs the command line, and exits. */
export async function podwire(version: string): Promise<never> {
  exitNow(await runProgram(commands, version, process.argv.slice(2)));
}
