/** Calls of the reference plugins. */
import { expect } from "vitest";
import type { Host, Keys, Pod } from "./host.ts";

/**
 * DEL by the reference, as runtimes do it: again when it failed. Debian's build fails the first time, its work done,
 * when iptables says that a chain of its own does not exist.
 */
export const detachByReference = async (reference: Host, pod: Pod, keys: Keys): Promise<void> => {
  const first = await reference.call("DEL", pod, keys);
  if (first.exitCode === 0) return;
  expect(first.json.msg).toMatch(/ip6?tables.* does not exist/s);
  await reference.del(pod, keys);
};
