/** Completion for zsh(1), by its function _arguments (zshcompsys(1)). */
import type { Command, Completion, Option } from "../command.ts";
import { optionsOf, quoted } from "./words.ts";

function action(completion: Completion | undefined): string {
  if (completion === "file") return "_files";
  if (completion === "folder") return "_files -/";
  return completion === undefined ? " " : `(${completion.join(" ")})`;
}

/** Brackets and colons divide a specification of _arguments. */
const plain = (text: string) => text.replaceAll(/[[\]:]/g, "\\$&");

function specifications({ name, short, value, summary, multiple, completion }: Option): string[] {
  const names = short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
  const start = multiple === true ? "*" : "";
  const end = value === undefined ? "" : `:${plain(value)}:${action(completion)}`;
  return names.map((word) => quoted(`${start}${word}[${plain(summary)}]${end}`));
}

function commandCase(command: Command): string {
  const words = [
    ...optionsOf(command).flatMap(specifications),
    ...(command.completion === undefined ? [] : [quoted(`*: :${action(command.completion)}`)]),
  ];
  return `    ${command.name}) _arguments ${words.join(" ")} ;;`;
}

export function zshCompletion(commands: readonly Command[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef podwire
# zsh completion for podwire: put it into a folder of $fpath as _podwire
_podwire() {
  local -a commands
  commands=(
${list.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case "$words[1]" in
${commands.map(commandCase).join("\n")}
    help) ((CURRENT == 2)) && _describe command commands ;;
  esac
}
if [[ $funcstack[1] == _podwire ]]; then _podwire "$@"; else compdef _podwire podwire; fi
`;
}
