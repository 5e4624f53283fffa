/** The command line of a subcommand, read by its options. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { type Arguments, type Command, type Option, UsageError } from "./command.ts";

/** Every subcommand has it. */
export const helpOption: Option = { name: "help", short: "h", summary: "show this help" };

function configuration(options: readonly Option[]): ParseArgsConfig["options"] {
  return Object.fromEntries(
    options.map(({ name, short, value }) => [
      name,
      {
        type: value === undefined ? "boolean" : "string",
        multiple: true,
        ...(short === undefined ? {} : { short }),
      } as const,
    ]),
  );
}

/** The first sentence says what is wrong; those after it are about quoting in JavaScript programs. */
const firstSentence = (message: string) => message.replace(/\. .*$/s, "");

/** Reads what follows the subcommand's name. Throws UsageError. */
export function readArguments(command: Command, words: readonly string[]): Arguments {
  const options = configuration([...command.options, helpOption]);
  const parsed = parse({ args: [...words], options, allowPositionals: true, strict: true });
  const valuesOf = (name: string) => (parsed.values[name] ?? []) as (string | boolean)[];
  const texts = (name: string) => valuesOf(name).filter((value) => typeof value === "string");
  for (const { name, multiple } of command.options) {
    if (multiple === true || texts(name).length < 2) continue;
    throw new UsageError(`--${name} is given more than once`);
  }
  return {
    positionals: parsed.positionals,
    flag: (name) => valuesOf(name).includes(true),
    text: (name) => texts(name).at(-1),
    texts,
  };
}

function parse(config: ParseArgsConfig): ReturnType<typeof parseArgs> {
  try {
    return parseArgs(config);
  } catch (thrown) {
    throw new UsageError(firstSentence((thrown as Error).message));
  }
}
