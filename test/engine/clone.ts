/** Second checkouts of the project on a throw-away host, which has no network, and builds in them. */
import { chmodSync, cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, type Node, projectRoot } from "../helpers/index.ts";

const omitted = ["node_modules", "dist", ".git"];

/** Copies the project's sources into a folder of the node's /run, for any user, with the packages of this checkout. */
export async function cloneProject(node: Node, folder: string): Promise<void> {
  const place = node.path(folder);
  mkdirSync(place, { recursive: true });
  for (const name of readdirSync(projectRoot).filter((each) => !omitted.includes(each)))
    cpSync(join(projectRoot, name), join(place, name), { recursive: true, preserveTimestamps: true });
  mkdirSync(join(place, "node_modules"));
  await node.exec("mount", ["--bind", join(projectRoot, "node_modules"), join(folder, "node_modules")]);
  await node.exec(
    "chmod",
    ["-R", "a+rX", "--", ...readdirSync(place).filter((name) => name !== "node_modules")],
    {
      cwd: folder,
    },
  );
  chmodSync(place, 0o777);
}

export interface Building {
  readonly folder: string;
  /** The options of scripts/build.ts. */
  readonly options?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The number of a user; root by default. */
  readonly user?: number;
}

/** Builds in a clone, with this environment and no other. A failure is returned. */
export function build(node: Node, { folder, options = [], env, user = 0 }: Building): Promise<CommandResult> {
  const identity = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const words = ["--import", "tsx", "scripts/build.ts", ...options];
  return node.exec("setpriv", [...identity, process.execPath, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    reject: false,
    timeout: 600_000,
  });
}
