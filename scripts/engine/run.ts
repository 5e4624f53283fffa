/** Runs the programs of a build. */
import { execa } from "execa";

/** What compilers and archivers would take from the caller's environment is kept from them: a build is the same for all. */
function plainEnvironment(): Record<string, string> {
  const { PATH = "/usr/bin:/bin", TMPDIR } = process.env;
  return { PATH, LC_ALL: "C", ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

export interface RunOptions {
  /** The root folder unless told: the caller's own may be closed to a user that is changed to. */
  readonly cwd?: string;
  /** In the place of the plain environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Runs a program, and returns what it prints. Throws what it says, or how to get it. */
export async function run(
  command: string,
  words: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { failed, code, stdout, stderr, shortMessage } = await execa(command, words, {
    env: plainEnvironment(),
    cwd: "/",
    ...options,
    extendEnv: false,
    stdin: "ignore",
    reject: false,
  });
  if (code === "ENOENT" && !command.includes("/"))
    throw new Error(`${command} is not installed: scripts/setup.mjs installs it, or says how`);
  // What is built here speaks for itself.
  const speaker = command.includes("/") ? "" : `${command}: `;
  if (failed) throw new Error(stderr === "" ? shortMessage : `${speaker}${stderr}`);
  return stdout;
}
