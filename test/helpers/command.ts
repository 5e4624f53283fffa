import { execa } from "execa";
import { enter, type Place } from "./enter.ts";

/** What a command printed and how it ended. `exitCode` is undefined when a signal ended it. */
export interface CommandResult {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run on a node. */
export interface CommandOptions {
  /** Run in this named network namespace of the node, not in the node's own. */
  readonly netns?: string;
  /** Standard input; empty by default. */
  readonly input?: string | Uint8Array;
  /** The whole environment of the command; without it the test's own is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working folder, as the node names it; the root folder by default. */
  readonly cwd?: string;
  /** false: return a failure in place of throwing it. */
  readonly reject?: boolean;
  /** Milliseconds until the command is killed; 30 s by default. */
  readonly timeout?: number;
}

/** A command that goes on running beside the test. */
export interface RunningCommand extends AsyncDisposable {
  /** The process of the command itself. */
  readonly pid: number;
  /** Settles when it ends, by itself or not; never rejects. */
  readonly ended: Promise<CommandResult>;
  /** Waits for the first line it prints, and returns it. Throws if it ends before. */
  firstLine(): Promise<string>;
  /** Sends a signal (SIGTERM by default) and waits until it has ended. */
  stop(signal?: NodeJS.Signals): Promise<CommandResult>;
}

const execaOptions = (options: CommandOptions) => ({
  ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  ...(options.env === undefined ? {} : { env: { ...options.env } }),
  extendEnv: options.env === undefined,
  timeout: options.timeout ?? 30_000,
  killSignal: "SIGKILL" as const,
  maxBuffer: 256 * 1024 * 1024,
});

interface Ended {
  readonly exitCode?: number;
  readonly signal?: string;
  readonly stdout: string;
  readonly stderr: string;
}

const commandResult = ({ exitCode, signal, stdout, stderr }: Ended): CommandResult => ({
  exitCode,
  signal,
  stdout,
  stderr,
});

/** Runs a command in a place and waits for its end. */
export async function runCommand(
  place: Place,
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const [file, fileArgs] = enter({ ...place, netns: options.netns, cwd: options.cwd }, command, args);
  const reject = options.reject ?? true;
  return commandResult(await execa(file, fileArgs, { ...execaOptions(options), reject }));
}

function firstLineOf(stdout: NodeJS.ReadableStream, ended: Promise<CommandResult>): Promise<string> {
  let text = "";
  const line = new Promise<string>((resolve) => {
    stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
  });
  const early = ended.then(({ stderr }): never => {
    throw new Error(`ended before it printed a line: ${stderr}`);
  });
  return Promise.race([line, early]);
}

/** Starts a command in a place. Without `timeout` it may run for as long as the process that started it. */
export function startCommand(
  place: Place,
  command: string,
  args: readonly string[],
  options: CommandOptions,
): RunningCommand {
  const [file, fileArgs] = enter({ ...place, netns: options.netns, cwd: options.cwd }, command, args);
  const timeout = options.timeout ?? 0;
  const child = execa(file, fileArgs, { ...execaOptions(options), timeout, reject: false });
  const ended = child.then(commandResult);
  if (child.pid === undefined) throw new Error(`${file} did not start`);
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<CommandResult> => {
    child.kill(signal);
    return ended;
  };
  // Listened for from the start: output before the first request would be lost.
  const firstLine = firstLineOf(child.stdout, ended);
  firstLine.catch(() => undefined);
  return {
    pid: child.pid,
    ended,
    firstLine: () => firstLine,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop("SIGKILL")),
  };
}
