/** Completion for zsh(1), by its function _arguments (zshcompsys(1)). */
import type { Command, Completion, Option } from "../command.ts";
import { NETWORKS, optionsOf, quoted } from "./words.ts";

function action(completion: Completion | undefined): string {
  if (completion === "file") return "_files";
  if (completion === "folder") return "_files -/";
  if (completion === "network") return "_podwire_networks";
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
  const { completions = [] } = command;
  const words = [
    ...optionsOf(command).flatMap(specifications),
    ...completions.map((each, index) =>
      quoted(`${index === completions.length - 1 ? "*" : index + 1}: :${action(each)}`),
    ),
  ];
  return `    ${command.name}) _arguments ${words.join(" ")} ;;`;
}

export function zshCompletion(commands: readonly Command[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef podwire
# zsh completion for podwire: put it into a folder of $fpath as _podwire
_podwire_networks() {
  local -a names
  names=(\${(f)"$(_call_program networks $program completion ${NETWORKS} 2>/dev/null)"})
  compadd -a names
}
_podwire() {
  local -a commands
  local program=$words[1]
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
