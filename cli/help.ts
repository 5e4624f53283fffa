/** The text of help. */
import { helpOption } from "./arguments.ts";
import type { Command, Option } from "./command.ts";

/** Makes a text bold if the terminal supports it. */
export type Emphasis = (text: string) => string;

export const emphasis =
  (colours: boolean): Emphasis =>
  (text) =>
    colours ? `\u001b[1m${text}\u001b[0m` : text;

function optionWords({ name, short, value }: Option): string {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join("");
}

const optionRows = (options: readonly Option[]) =>
  options.map((option) => [optionWords(option), option.summary] as const);

/** The line that shows how a command is called. */
export const usageLine = ({ name, usage }: Command) => `usage: podwire ${name} ${usage}`.trimEnd();

/** The help of one subcommand. */
export function commandHelp(command: Command, bold: Emphasis): string {
  const { summary, description } = command;
  const words = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.\n`;
  const more = description === undefined ? "" : `\n${description}\n`;
  const options = table(optionRows([...command.options, helpOption]));
  return `${usageLine(command)}\n\n${words}${more}\n${bold("Options")}\n${options}`;
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], version: string, bold: Emphasis): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return [
    `podwire ${version}: attaches containers to networks by CNI plugins, and installs and checks them\n\n`,
    "usage: podwire COMMAND [options] [arguments]\n\n",
    `${bold("Commands")}\n${table(rows)}\n`,
    `${bold("Options")}\n${table([
      ["-h, --help", "show this help; after a command, show its help"],
      ["    --version", "show the version"],
    ])}\n`,
    `${bold("Exit codes")}\n${table([
      ["0", "it worked"],
      ["1", "a failure, or a check found a difference or an error"],
      ["2", "an invalid command line; nothing was done"],
    ])}`,
  ].join("");
}
