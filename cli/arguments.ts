/**
 * The command line of a subcommand, read by its options: by the rules of parseArgs in Node.js's node:util, strict and
 * with its words. There is no package for it: @pkgjs/parseargs wants all of Node.js's globals, and other small ones let
 * pass what this refuses, such as --json=no, or cut a value at a line end.
 */
import { type Arguments, type Command, type Option, UsageError } from "./command.ts";

/** Every subcommand has it. */
export const helpOption: Option = { name: "help", short: "h", summary: "show this help" };

/** A dash alone is a file's name: standard input. */
const isOption = (word: string) => word.length > 1 && word.startsWith("-");

function findOption(options: readonly Option[], written: string): Option {
  const found = options.find(({ name, short }) => written === `--${name}` || written === `-${short}`);
  if (found !== undefined) return found;
  throw new UsageError(`Unknown option '${written}'`);
}

/** Of a word such as "--name=value": both parts. */
function splitOption(word: string): [written: string, value: string | undefined] {
  const equals = word.indexOf("=", "--=".length);
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** The value of an option, which may be the next word; that is taken then. A flag's is empty. */
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
  /** By the name of the option, in their order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Reads words by options. Throws UsageError for the first one that makes no sense. */
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

/** Reads what follows the subcommand's name. Throws UsageError. */
export function readArguments(command: Command, words: readonly string[]): Arguments {
  const { positionals, values } = parseWords([...command.options, helpOption], words);
  const texts = (name: string) => values.get(name) ?? [];
  for (const { name, value, multiple } of command.options) {
    if (value === undefined || multiple === true || texts(name).length < 2) continue;
    throw new UsageError(`--${name} is given more than once`);
  }
  return { positionals, flag: (name) => values.has(name), text: (name) => texts(name).at(-1), texts };
}
