/** The program `podwire`: chooses the subcommand, and turns its outcome into text and an exit code. */
import { messageOf } from "../shared/cni/error.ts";
import { isStandardOutputTerminal, writeStandardError, writeStandardOutput } from "../shared/system/stdio.ts";
import { readArguments } from "./arguments.ts";
import { isBrokenPipe } from "./broken-pipe.ts";
import { type Command, ExitCode, type Io, UsageError } from "./command.ts";
import { failureObject, printObject } from "./failure.ts";
import { commandHelp, emphasis, programHelp, usageLine } from "./help.ts";

/** What the program is, and how it was called. */
export interface Program {
  readonly commands: readonly Command[];
  readonly version: string;
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly environment: Io["environment"];
}

/** https://no-color.org: any value except the empty one counts. */
function showsColours(environment: Io["environment"]): boolean {
  const isWanted = (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
  return isWanted && isStandardOutputTerminal();
}

/** Prints to standard error. A closed standard error must not stop the work. */
function complain(text: string): void {
  try {
    writeStandardError(text);
  } catch {}
}

function outside(environment: Io["environment"]): Io {
  return {
    out: writeStandardOutput,
    err: complain,
    environment,
    colours: showsColours(environment),
  };
}

function hasOption(words: readonly string[], ...options: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? words.length : end).some((word) => options.includes(word));
}

const wantsHelp = (words: readonly string[]) => hasOption(words, "-h", "--help");
/** Looks for --json even if the command line is invalid. */
const wantsJson = (words: readonly string[]) => hasOption(words, "--json");

function runCommand(command: Command, words: readonly string[], io: Io): number {
  if (wantsHelp(words)) {
    io.out(commandHelp(command, emphasis(io.colours)));
    return ExitCode.success;
  }
  try {
    return command.run(readArguments(command, words), io);
  } catch (thrown) {
    const isUsage = thrown instanceof UsageError;
    const usage = usageLine(command);
    const hasJson = command.options.some(({ name }) => name === "json") && wantsJson(words);
    if (!isUsage && (!hasJson || isBrokenPipe(thrown))) throw thrown;
    if (isUsage) io.err(`podwire ${command.name}: ${thrown.message}\n${usage}\n`);
    if (hasJson) printObject(io, { ...failureObject(thrown), ...(isUsage ? { usage } : {}) });
    return isUsage ? ExitCode.usage : ExitCode.failure;
  }
}

function find(commands: readonly Command[], name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`there is no command ${JSON.stringify(name)}`);
}

function dispatch({ commands, version, words }: Program, io: Io): number {
  const [name, ...rest] = words;
  const bold = emphasis(io.colours);
  if (name === undefined) {
    io.err(programHelp(commands, version, bold));
    return ExitCode.usage;
  }
  if (name === "--version" || name === "version") {
    io.out(`podwire ${version}\n`);
    return ExitCode.success;
  }
  if (name !== "-h" && name !== "--help" && name !== "help")
    return runCommand(find(commands, name), rest, io);
  const [topic] = rest;
  io.out(
    topic === undefined ? programHelp(commands, version, bold) : commandHelp(find(commands, topic), bold),
  );
  return ExitCode.success;
}

/** Runs the program. Returns the exit code. */
export function runProgram(program: Program): number {
  const io = outside(program.environment);
  try {
    return dispatch(program, io);
  } catch (thrown) {
    if (isBrokenPipe(thrown)) return ExitCode.success;
    const isUsage = thrown instanceof UsageError;
    io.err(`podwire: ${messageOf(thrown)}${isUsage ? "; podwire --help lists the commands" : ""}\n`);
    if (isUsage && wantsJson(program.words)) printObject(io, failureObject(thrown));
    return isUsage ? ExitCode.usage : ExitCode.failure;
  }
}
