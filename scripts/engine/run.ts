/** Runs the programs of a build. */
import { execa } from "execa";

/** The environment without the variables that compilers and archivers read, so that all builds are equal. */
function plainEnvironment(): Record<string, string> {
  const { PATH = "/usr/bin:/bin", TMPDIR } = process.env;
  return { PATH, LC_ALL: "C", ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

export interface RunOptions {
  /** The root folder by default: another user may not enter the caller's folder. */
  readonly cwd?: string;
  /** Replaces the plain environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Runs a program. Returns its output. Throws its error, or how to install it. */
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
  // A compiled program names itself in its errors.
  const speaker = command.includes("/") ? "" : `${command}: `;
  if (failed) throw new Error(stderr === "" ? shortMessage : `${speaker}${stderr}`);
  return stdout;
}
