/** What a subcommand of `podwire` is: data for help and completion, and a function. */

/** Exit codes of every subcommand, as the README documents them. */
export const ExitCode = {
  success: 0,
  /** The work failed, or a check found something. */
  failure: 1,
  /** The command line makes no sense; nothing was done. */
  usage: 2,
} as const;

/** A thing that a shell can complete: words, files and folders, or the names of the networks that are configured. */
export type Completion = readonly string[] | "file" | "folder" | "network";

export interface Option {
  /** Without the dashes, such as "bin-dir". */
  readonly name: string;
  /** One letter, without the dash; only flags have one. */
  readonly short?: string;
  /** The word for its value in help, such as "FOLDER"; an option without one is a flag. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  readonly summary: string;
  readonly completion?: Completion;
}

/** The command line after the subcommand, read by its options. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** Whether a flag was given. */
  flag(name: string): boolean;
  /** The value of an option, the last one if it was given several times. */
  text(name: string): string | undefined;
  /** All values of an option. */
  texts(name: string): readonly string[];
}

/** The outside, so that a command neither reads the process's environment nor prints past its caller. */
export interface Io {
  /** Standard output, without a line end of its own. */
  out(text: string): void;
  /** Standard error, the same way; it does not fail. */
  err(text: string): void;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether standard output is a terminal that shows colours (NO_COLOR counts). */
  readonly colours: boolean;
}

export interface Command {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** What follows the name, such as "[options] FILE...". */
  readonly usage: string;
  /** Words under the usage, if a line is not enough: paragraphs, broken at 100 characters. */
  readonly description?: string;
  readonly options: readonly Option[];
  /** What positional arguments are, one after the other, for completion; all after the last one are as that. */
  readonly completions?: readonly Completion[];
  /** Returns an exit code. Throws UsageError for a command line that makes no sense, any other error for a failure. */
  run(args: Arguments, io: Io): number;
}

/** A command line that makes no sense: printed with the usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
