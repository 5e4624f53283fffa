/** What all shells need: the words of the commands, and quoting. */
import { helpOption } from "../arguments.ts";
import type { Command, Option } from "../command.ts";

/** In single quotes a POSIX shell expands nothing; fish expands only the backslash. */
export const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export const optionsOf = (command: Command): readonly Option[] => [...command.options, helpOption];

/** The words of an option: --name, and -n. */
export const optionWords = ({ name, short }: Option) =>
  short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];

/** The argument of `podwire completion` that prints the names of networks. Shells call it at completion time. */
export const NETWORKS = "networks";

/** The words of all options that take a value: the word after one is not an argument. */
export const valueWords = (commands: readonly Command[]): readonly string[] => [
  ...new Set(
    commands
      .flatMap(optionsOf)
      .filter(({ value }) => value !== undefined)
      .flatMap(optionWords),
  ),
];
