/**
 * Reads the command line of a subcommand by the rules and error texts of Node.js's strict parseArgs (node:util). No
 * package fits: @pkgjs/parseargs needs all globals of Node.js, and other small ones accept --json=no or cut a value at
 * a line end.
 */
import { type Arguments, type Command, type Option, UsageError } from "./command.ts";

/** Every subcommand has it. */
export const helpOption: Option = { name: "help", short: "h", summary: "show this help" };

/** A single dash is a file's name: standard input. */
const isOption = (word: string) => word.length > 1 && word.startsWith("-");

function findOption(options: readonly Option[], written: string): Option {
  const found = options.find(({ name, short }) => written === `--${name}` || written === `-${short}`);
  if (found !== undefined) return found;
  throw new UsageError(`Unknown option '${written}'`);
}

/** Splits "--name=value" into both parts. */
function splitOption(word: string): [written: string, value: string | undefined] {
  const equals = word.indexOf("=", "--=".length);
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** Returns the value of an option, and removes it from `rest` if it is the next word. A flag's value is empty. */
function takeValue({ name, short, value }: Option, inline: string | undefined, rest: string[]): string {
  if (value === undefined) {
    if (inline === undefined) return "";
    const words = short === undefined ? `--${name}` : `-${short}, --${name}`;
    throw new UsageError(`Option '${words}' does not take an argument`);
  }
  const taken = inline ?? rest.shift();
  if (taken === undefined) throw new UsageError(`Option '--${name} <value>' argument missing`);
  if (inline !== undefined || !isOption(taken)) return taken;
  throw new UsageError(
    `Option '--${name}' argument is ambiguous.\nDid you forget to specify the option argument for '--${name}'?\n` +
      `To specify an option argument starting with a dash use '--${name}=-XYZ'.`,
  );
}

interface Parsed {
  readonly positionals: readonly string[];
  /** The values by the option's name, in the order of the command line. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Reads words by options. Throws UsageError for the first invalid word. */
export function parseWords(options: readonly Option[], words: readonly string[]): Parsed {
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") return { positionals: [...positionals, ...rest], values };
    if (!isOption(word)) positionals.push(word);
    else if (word[1] !== "-" && word.length > 2) rest.unshift(word.slice(0, 2), `-${word.slice(2)}`);
    else {
      const [written, inline] = splitOption(word);
      const option = findOption(options, written);
      const value = takeValue(option, inline, rest);
      values.set(option.name, [...(values.get(option.name) ?? []), value]);
    }
  }
  return { positionals, values };
}

/** Reads the words after the subcommand's name. Throws UsageError. */
export function readArguments(command: Command, words: readonly string[]): Arguments {
  const { positionals, values } = parseWords([...command.options, helpOption], words);
  const texts = (name: string) => values.get(name) ?? [];
  for (const { name, value, multiple } of command.options) {
    if (value === undefined || multiple === true || texts(name).length < 2) continue;
    throw new UsageError(`--${name} is given more than once`);
  }
  return { positionals, flag: (name) => values.has(name), text: (name) => texts(name).at(-1), texts };
}
