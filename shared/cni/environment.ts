/** Reads the CNI_* variables: the required ones of each verb, and their valid values. */
import { CniError, ErrorCode, quote } from "./error.ts";
import { interfaceNameProblem, nameProblem } from "./names.ts";
import type { Command } from "./plugin.ts";

export type Environment = Readonly<Record<string, string>>;

interface Variable {
  readonly name: string;
  readonly neededBy: readonly Command[];
  /** Returns the problem of a value, or undefined. */
  readonly problemOf: (value: string) => string | undefined;
}

const commands: readonly string[] = ["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"] satisfies Command[];

const variables: readonly Variable[] = [
  { name: "CNI_CONTAINERID", neededBy: ["ADD", "DEL", "CHECK"], problemOf: nameProblem },
  { name: "CNI_NETNS", neededBy: ["ADD", "CHECK"], problemOf: () => undefined },
  { name: "CNI_IFNAME", neededBy: ["ADD", "DEL", "CHECK"], problemOf: interfaceNameProblem },
];

/** Reads CNI_COMMAND. Throws code 4 if it is not in the specification. */
export function readCommand(environment: Environment): Command {
  const command = environment["CNI_COMMAND"] ?? "";
  if (commands.includes(command)) return command as Command;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `unknown CNI_COMMAND: ${quote(command)}`,
    `it must be one of ${commands.join(", ")}`,
  );
}

/** Checks the variables of a command. Throws code 4 with all missing variables, or the first invalid one. */
export function checkEnvironment(command: Command, environment: Environment): void {
  const needed = variables.filter((variable) => variable.neededBy.includes(command));
  const missing = needed.filter((variable) => (environment[variable.name] ?? "") === "");
  if (missing.length > 0) {
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `required env variables [${missing.map((variable) => variable.name).join(",")}] missing`,
      `the runtime must set them for ${command}`,
    );
  }
  for (const { name, problemOf } of needed) {
    const value = environment[name] ?? "";
    const problem = problemOf(value);
    if (problem === undefined) continue;
    throw new CniError(ErrorCode.invalidEnvironment, `${name} is invalid: ${quote(value)}`, problem);
  }
}

/** CNI_NETNS_OVERRIDE: the runtime allows the plugin's own namespace as the container's. */
export function allowsOwnNamespace(environment: Environment): boolean {
  return ["1", "true", "TRUE", "True", "t", "T"].includes(environment["CNI_NETNS_OVERRIDE"] ?? "");
}
