/** `podwire completion`: prints what a shell needs to complete the command line. */
import { type Command, ExitCode, type Io, UsageError } from "../command.ts";
import { networkNames } from "../network/configuration.ts";
import { configurationFolder } from "../network/runtime.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { NETWORKS } from "./words.ts";
import { zshCompletion } from "./zsh.ts";

const shells: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

const namesOf = (io: Io): string =>
  networkNames(configurationFolder(io))
    .map((name) => `${name}\n`)
    .join("");

/** `others` are the commands beside this one. */
export function completionCommand(others: readonly Command[]): Command {
  const command: Command = {
    name: "completion",
    summary: "print the completion of this command for a shell",
    usage: [...Object.keys(shells), NETWORKS].join("|"),
    description: `For bash: source <(podwire completion bash)

${NETWORKS} prints the names of the networks in NETCONFPATH (/etc/cni/net.d), which the shells ask for.`,
    options: [],
    completions: [Object.keys(shells)],
    run: ({ positionals }, io) => {
      const [shell = "", ...more] = positionals;
      if (shell === NETWORKS && more.length === 0) {
        io.out(namesOf(io));
        return ExitCode.success;
      }
      const print = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (print === undefined || more.length > 0)
        throw new UsageError(`name one shell of ${Object.keys(shells).join(", ")}`);
      io.out(print([...others, command]));
      return ExitCode.success;
    },
  };
  return command;
}
