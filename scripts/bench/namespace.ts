import { openNamespace } from "../../shared/system/netns.ts";

/** Runs `work` in the network namespace of a path. */
export function within<Value>(path: string, work: () => Value): Value {
  const namespace = openNamespace(path);
  if (typeof namespace === "string") throw new Error(`the network namespace ${path}: ${namespace}`);
  return namespace.run(work);
}
