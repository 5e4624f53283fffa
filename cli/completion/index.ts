/** `podwire completion`: prints what a shell needs to complete the command line. */
import { type Command, ExitCode, UsageError } from "../command.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const shells: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `others` are the commands beside this one. */
export function completionCommand(others: readonly Command[]): Command {
  const command: Command = {
    name: "completion",
    summary: "print the completion of this command for a shell",
    usage: Object.keys(shells).join("|"),
    description: "For bash: source <(podwire completion bash)",
    options: [],
    completion: Object.keys(shells),
    run: async ({ positionals }, io) => {
      const [shell = "", ...more] = positionals;
      const print = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (print === undefined || more.length > 0)
        throw new UsageError(`name one shell of ${Object.keys(shells).join(", ")}`);
      io.out(print([...others, command]));
      return ExitCode.success;
    },
  };
  return command;
}
