/**
 * One call at a time works on an attachment. The specification asks this of the runtime ("Lifecycle & Ordering"), but a call
 * outlives a runtime that is killed, and what a call started outlives the call. Then DEL waits until ADD has ended:
 * else it would release an address that ADD is about to use.
 */

import { whileLocked } from "../system/lock.ts";
import { lockLimit } from "../system/lock-wait.ts";
import { ownerHash } from "./attachment.ts";
import { attachmentOf, type Request } from "./plugin.ts";

/** How the names of these locks begin. */
export const ATTACHMENT_LOCK = "attachment-";

/**
 * Runs `work` while no other ADD or DEL works on the attachment. Children inherit the lock. At the end it is free, whatever
 * a child has left behind: only after a kill does a surviving child hold it. Throws codes 5 and 11.
 */
export function whileAttachmentLocked<Value>(request: Request, work: () => Value): Value {
  const owner = attachmentOf(request);
  const { network, containerId, ifname } = owner;
  const wanted = {
    name: `${ATTACHMENT_LOCK}${ownerHash(owner).slice(0, 32)}`,
    what: `the interface ${ifname} of container ${containerId} on the network ${network}`,
    limitSeconds: lockLimit(request.environment),
  };
  return whileLocked(wanted, request.command === "DEL", work);
}
