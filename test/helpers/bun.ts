import type { Node } from "./node.ts";
import { bunBinary, projectRoot } from "./paths.ts";

/**
 * Runs a TypeScript module on the node with the run time of the executables, so that it may import project
 * modules that need `bun:ffi`. Paths are relative to the project's folder (`./shared/netlink/link.ts`). The
 * module says what it found with one `console.log(JSON.stringify(value))`, and that value is returned.
 */
export async function runInBun<T>(
  node: Node,
  source: string,
  options: { readonly netns?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<T> {
  const args = ["--no-install", "--no-env-file", "--eval", source];
  const { stdout } = await node.exec(bunBinary, args, { cwd: projectRoot, ...options });
  return JSON.parse(stdout) as T;
}
