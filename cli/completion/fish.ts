/** Completion for fish(1): one line for each thing that can be completed. */
import type { Command, Completion, Option } from "../command.ts";
import { NETWORKS, optionsOf, quoted, valueWords } from "./words.ts";

/** True if this command is the second word of the line. A network may have the name of a command. */
const condition = (command: string, place = "") =>
  `-n 'contains -- ${command} (commandline -opc)[2]${place === "" ? "" : `; and test${place}`}'`;

/** In fish's single quotes the backslash is special, too. */
const text = (words: string) => `'${words.replaceAll(/[\\']/g, "\\$&")}'`;

function answers(completion: Completion | undefined): string {
  if (completion === "network") return " -a '(__podwire_networks)'";
  if (completion === "file") return " -F";
  if (completion === "folder") return " -a '(__fish_complete_directories)'";
  return completion === undefined ? "" : ` -a ${quoted(completion.join(" "))}`;
}

function optionLine(command: string, option: Option): string {
  const { name, short, value, summary, completion } = option;
  const letter = short === undefined ? "" : ` -s ${short}`;
  // fish rejects "no files" (-x) together with "files" (-F).
  const requires = completion === "file" ? "-r" : "-x";
  const needs = value === undefined ? "" : ` ${requires}${answers(completion)}`;
  return `complete -c podwire ${condition(command)} -l ${name}${letter}${needs} -d ${text(summary)}`;
}

function commandLines(command: Command): string[] {
  const { name, completions = [] } = command;
  const last = completions.length - 1;
  const positionals = completions.map((completion, index) => {
    const place = ` (__podwire_arguments) -${index === last ? "ge" : "eq"} ${index}`;
    return `complete -c podwire ${condition(name, place)}${answers(completion)}`;
  });
  return [
    `complete -c podwire -n __fish_use_subcommand -a ${name} -d ${text(command.summary)}`,
    ...optionsOf(command).map((option) => optionLine(name, option)),
    ...positionals,
  ];
}

/** Calls the program by the name on the command line. */
const networks = `function __podwire_networks
  set -l program (commandline -opc)[1]
  type -q $program; and $program completion ${NETWORKS} 2>/dev/null
end`;

/** Counts the command's arguments before the cursor. */
const counter = (commands: readonly Command[]) => `function __podwire_arguments
  set -l count 0
  set -l is_value 0
  for word in (commandline -opc)[2..-1]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch $word
      case ${valueWords(commands).join(" ")}
        set is_value 1
      case '-*'
      case '*'
        set count (math $count + 1)
    end
  end
  math $count - 1
end`;

export function fishCompletion(commands: readonly Command[]): string {
  const lines = ["# fish completion for podwire: put it into ~/.config/fish/completions/podwire.fish"];
  return `${[...lines, networks, counter(commands), "complete -c podwire -f", ...commands.flatMap(commandLines)].join("\n")}\n`;
}
