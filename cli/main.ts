/** The program `podwire`: picks the subcommand, and turns what comes of it into words and an exit code. */
import { isatty } from "node:tty";
import { messageOf } from "../shared/cni/error.ts";
import { Errno } from "../shared/system/errno.ts";
import { SystemError } from "../shared/system/libc.ts";
import { writeStandardError, writeStandardOutput } from "../shared/system/stdio.ts";
import { readArguments } from "./arguments.ts";
import { type Command, ExitCode, type Io, UsageError } from "./command.ts";
import { failureObject, printObject } from "./failure.ts";
import { commandHelp, emphasis, programHelp, usageLine } from "./help.ts";

/** https://no-color.org: any value but the empty one counts. */
function showsColours(environment: Io["environment"]): boolean {
  return (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb" && isatty(1);
}

function outside(): Io {
  const environment = process.env;
  return {
    out: writeStandardOutput,
    err: writeStandardError,
    environment,
    colours: showsColours(environment),
  };
}

/** Whoever reads our output has seen enough: `podwire list | head -1`. */
const isReaderGone = (thrown: unknown) => thrown instanceof SystemError && thrown.errno === Errno.EPIPE;

/** Whether one of the options is there; looked for by hand, since the command line may make no sense. */
const wants = (words: readonly string[], ...options: readonly string[]): boolean => {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? words.length : end).some((word) => options.includes(word));
};

/** A failure for a program: on standard output, where it looks for the result. */
function printFailure(command: Command, thrown: unknown, io: Io): number {
  const isUsage = thrown instanceof UsageError;
  printObject(io, { ...failureObject(thrown), ...(isUsage ? { usage: usageLine(command) } : {}) });
  return isUsage ? ExitCode.usage : ExitCode.failure;
}

async function runCommand(command: Command, words: readonly string[], io: Io): Promise<number> {
  if (wants(words, "-h", "--help")) {
    io.out(commandHelp(command, emphasis(io.colours)));
    return ExitCode.success;
  }
  try {
    return await command.run(readArguments(command, words), io);
  } catch (thrown) {
    const hasJson = command.options.some(({ name }) => name === "json");
    if (hasJson && wants(words, "--json") && !isReaderGone(thrown)) return printFailure(command, thrown, io);
    if (!(thrown instanceof UsageError)) throw thrown;
    io.err(`podwire ${command.name}: ${thrown.message}\n${usageLine(command)}\n`);
    return ExitCode.usage;
  }
}

function find(commands: readonly Command[], name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`there is no command ${JSON.stringify(name)}`);
}

async function dispatch(
  commands: readonly Command[],
  version: string,
  words: readonly string[],
  io: Io,
): Promise<number> {
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

/** Runs the program to its end. Returns the exit code. */
export async function runProgram(
  commands: readonly Command[],
  version: string,
  words: readonly string[],
  io: Io = outside(),
): Promise<number> {
  try {
    return await dispatch(commands, version, words, io);
  } catch (thrown) {
    if (isReaderGone(thrown)) return ExitCode.success;
    const isUsage = thrown instanceof UsageError;
    io.err(`podwire: ${messageOf(thrown)}${isUsage ? "; podwire --help lists the commands" : ""}\n`);
    return isUsage ? ExitCode.usage : ExitCode.failure;
  }
}
