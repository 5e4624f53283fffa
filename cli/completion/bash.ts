/** Completion for bash(1): one function, with a case for each command. */
import type { Command, Completion } from "../command.ts";
import { NETWORKS, optionsOf, optionWords, quoted, valueWords } from "./words.ts";

function replies(completion: Completion | undefined): string {
  if (completion === "file") return "_podwire_paths -f";
  if (completion === "folder") return "_podwire_paths -d";
  if (completion === "network") return "_podwire_networks";
  if (completion === undefined) return "COMPREPLY=()";
  return `COMPREPLY=($(compgen -W ${quoted(completion.join(" "))} -- "$word"))`;
}

/** Chooses the completion by the number of arguments before the word. */
function positionalReplies(completions: readonly Completion[]): string {
  if (completions.length < 2) return replies(completions[0]);
  const last = completions.length - 1;
  const cases = completions.map((each, index) => `${index === last ? "*" : index}) ${replies(each)} ;;`);
  return `_podwire_count; case $count in ${cases.join(" ")} esac`;
}

function commandCase(command: Command): string {
  const options = optionsOf(command);
  const withValue = options.filter(({ value }) => value !== undefined);
  const values = withValue.map(
    (option) => `        ${optionWords(option).join("|")}) ${replies(option.completion)}; return ;;`,
  );
  const words = options.flatMap(optionWords).join(" ");
  return `    ${command.name})
      case "$previous" in
${[...values, "        *) ;;"].join("\n")}
      esac
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W ${quoted(words)} -- "$word")); else ${positionalReplies(command.completions ?? [])}; fi ;;`;
}

/**
 * Paths are read line by line, since they may have spaces. Only paths get the option "filenames" (quotes and slashes):
 * a command must not get a slash because a folder of its name exists. Outside of a completion compopt fails, which
 * does no harm.
 */
const paths = `_podwire_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}`;

/** compgen -W expands its words; a network's name has no character that the shell expands. */
const networks = `_podwire_networks() {
  local program=\${COMP_WORDS[0]/#\\~\\//$HOME/}
  COMPREPLY=($(compgen -W "$("$program" completion ${NETWORKS} 2>/dev/null)" -- "$word"))
}`;

/** bash makes an equals sign a word of its own. */
const counter = (commands: readonly Command[]) => `_podwire_count() {
  local at
  count=0
  for ((at = 2; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${valueWords(commands).join("|")}) ((at++)); [[ \${COMP_WORDS[at]} == = ]] && ((at++)) ;;
      -*) ;;
      *) ((count++)) ;;
    esac
  done
}`;

export function bashCompletion(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# bash completion for podwire: source it, or put it into /etc/bash_completion.d
${paths}
${networks}
${counter(commands)}
_podwire() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} count
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W ${quoted(`${names} help --help --version`)} -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${commands.map(commandCase).join("\n")}
    help) ((COMP_CWORD == 2)) && COMPREPLY=($(compgen -W ${quoted(names)} -- "$word")) ;;
  esac
}
complete -F _podwire podwire
`;
}
