/**
 * One call at a time works on an attachment. The specification asks this of the runtime ("Lifecycle & Ordering"), but a call
 * outlives a runtime that is killed, and what a call started outlives the call. Then DEL waits until ADD has ended:
 * else it would release an address that ADD is about to use.
 */

import { whileLocked } from "../system/lock.ts";
import { lockLimit } from "../system/lock-wait.ts";
import { ownerHash } from "./attachment.ts";
import { type AttachmentKey, attachmentOf, type Request } from "./plugin.ts";

/** How the names of these locks begin. */
export const ATTACHMENT_LOCK = "attachment-";

/** The environment by which a call says to its delegate, another executable, that it has the lock of their attachment. */
export const HELD_LOCK = "PODWIRE_HELD_LOCK";

/** The name of an attachment's lock. */
export const lockName = (owner: AttachmentKey): string =>
  `${ATTACHMENT_LOCK}${ownerHash(owner).slice(0, 32)}`;

/**
 * Runs `work` while no other ADD or DEL works on the attachment. Children inherit the lock. At the end it is free, whatever
 * a child has left behind: only after a kill does a surviving child hold it. Throws codes 5 and 11.
 */
export function whileAttachmentLocked<Value>(request: Request, work: () => Value): Value {
  const owner = attachmentOf(request);
  const { network, containerId, ifname } = owner;
  const name = lockName(owner);
  // The caller waits for this process, which inherited the lock.
  if (request.environment[HELD_LOCK] === name) return work();
  const wanted = {
    name,
    what: `the interface ${ifname} of container ${containerId} on the network ${network}`,
    limitSeconds: lockLimit(request.environment),
  };
  return whileLocked(wanted, request.command === "DEL", work);
}
