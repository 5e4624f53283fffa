/** The contract of a subcommand of `podwire`: data for help and completion, and a function. */

/** Exit codes of every subcommand, as the README documents them. */
export const ExitCode = {
  success: 0,
  /** The work failed, or a check found something. */
  failure: 1,
  /** The command line is invalid; nothing was done. */
  usage: 2,
} as const;

/** What a shell can complete: fixed words, files, folders, or the names of the configured networks. */
export type Completion = readonly string[] | "file" | "folder" | "network";

export interface Option {
  /** Without the dashes, such as "bin-dir". */
  readonly name: string;
  /** One letter, without the dash; only flags have one. */
  readonly short?: string;
  /** The word for its value in help, such as "FOLDER". An option without this word is a flag. */
  readonly value?: string;
  /** Whether the option may be repeated. */
  readonly multiple?: boolean;
  readonly summary: string;
  readonly completion?: Completion;
}

/** The command line after the subcommand, read by its options. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** Whether a flag was given. */
  flag(name: string): boolean;
  /** The value of an option; the last one if the option was repeated. */
  text(name: string): string | undefined;
  /** All values of an option. */
  texts(name: string): readonly string[];
}

/** Input and output of a command. A command reads no environment and prints nothing except through this. */
export interface Io {
  /** Prints to standard output; adds no line end. */
  out(text: string): void;
  /** Prints to standard error; adds no line end and never fails. */
  err(text: string): void;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether standard output is a terminal that shows colours (NO_COLOR counts). */
  readonly colours: boolean;
}

export interface Command {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** The words after the name, such as "[options] FILE...". */
  readonly usage: string;
  /** Text below the usage line: paragraphs, broken at 100 characters. */
  readonly description?: string;
  readonly options: readonly Option[];
  /** The kinds of the positional arguments in order, for completion; the last kind repeats. */
  readonly completions?: readonly Completion[];
  /** Returns an exit code. Throws UsageError for an invalid command line, any other error for a failure. */
  run(args: Arguments, io: Io): number;
}

/** An invalid command line: printed with the usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
