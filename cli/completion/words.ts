/** What every shell needs to know of the commands, and how a text is quoted for a shell. */
import { helpOption } from "../arguments.ts";
import type { Command, Option } from "../command.ts";

/** Single quotes: nothing inside is special to a POSIX shell, nor to fish but for the backslash. */
export const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export const optionsOf = (command: Command): readonly Option[] => [...command.options, helpOption];

/** The words of an option: --name, and -n. */
export const optionWords = ({ name, short }: Option) =>
  short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];

/** What `podwire completion` calls the names of networks, which a shell asks for when it needs them. */
export const NETWORKS = "networks";

/** All options that take a value, by their words: what follows one is no argument. */
export const valueWords = (commands: readonly Command[]): readonly string[] => [
  ...new Set(
    commands
      .flatMap(optionsOf)
      .filter(({ value }) => value !== undefined)
      .flatMap(optionWords),
  ),
];
