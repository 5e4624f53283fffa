/**
 * A lock per container: the specification makes the runtime responsible for one call at a time ("Lifecycle &
 * Ordering"), and here podwire is the runtime. Of two ADDs at once, the one that fails would undo the other's work.
 */
import { sha512 } from "../../shared/system/hash.ts";
import { whileLocked } from "../../shared/system/lock.ts";
import { lockLimit } from "../../shared/system/lock-wait.ts";

/** Runs `work` while no other podwire works on this container. Without root's rights there is no lock. Throws code 11. */
export function whileContainerLocked<Value>(
  containerId: string,
  environment: Readonly<Record<string, string>>,
  work: () => Value,
): Value {
  const wanted = {
    name: `container-${sha512(containerId).slice(0, 32)}`,
    what: `the container ${containerId}`,
    limitSeconds: lockLimit(environment),
  };
  return whileLocked(wanted, true, work);
}
