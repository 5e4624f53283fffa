import { evaluator, writeModule } from "../../scripts/module.ts";
import type { Node } from "./node.ts";
import { projectRoot } from "./paths.ts";

export { evaluator, type ModuleScript, writeModule } from "../../scripts/module.ts";

/**
 * Runs a TypeScript module on the node as the executables run theirs, so that it may import modules of the project that
 * make system calls (`./shared/netlink/link.ts`). The module says what it found with one
 * `console.log(JSON.stringify(value))`, and that value is returned.
 */
export async function runModule<T>(
  node: Node,
  source: string,
  options: { readonly netns?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<T> {
  await using script = await writeModule(source);
  const { stdout } = await node.exec(evaluator, script.words, { cwd: projectRoot, ...options });
  return JSON.parse(stdout) as T;
}
