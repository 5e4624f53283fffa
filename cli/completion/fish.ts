/** Completion for fish(1): one line for each thing that can be completed. */
import type { Command, Completion, Option } from "../command.ts";
import { optionsOf, quoted } from "./words.ts";

/** In fish's single quotes the backslash is special too. */
const text = (words: string) => `'${words.replaceAll(/[\\']/g, "\\$&")}'`;

function answers(completion: Completion | undefined): string {
  if (completion === "file") return " -F";
  if (completion === "folder") return " -a '(__fish_complete_directories)'";
  return completion === undefined ? "" : ` -a ${quoted(completion.join(" "))}`;
}

function optionLine(command: string, option: Option): string {
  const { name, short, value, summary, completion } = option;
  const letter = short === undefined ? "" : ` -s ${short}`;
  const needs = value === undefined ? "" : ` -x${answers(completion)}`;
  const where = `-n '__fish_seen_subcommand_from ${command}'`;
  return `complete -c podwire ${where} -l ${name}${letter}${needs} -d ${text(summary)}`;
}

function commandLines(command: Command): string[] {
  const { name, completion } = command;
  const positional = `complete -c podwire -n '__fish_seen_subcommand_from ${name}'${answers(completion)}`;
  return [
    `complete -c podwire -n __fish_use_subcommand -a ${name} -d ${text(command.summary)}`,
    ...optionsOf(command).map((option) => optionLine(name, option)),
    ...(completion === undefined ? [] : [positional]),
  ];
}

export function fishCompletion(commands: readonly Command[]): string {
  const lines = ["# fish completion for podwire: put it into ~/.config/fish/completions/podwire.fish"];
  return `${[...lines, "complete -c podwire -f", ...commands.flatMap(commandLines)].join("\n")}\n`;
}
