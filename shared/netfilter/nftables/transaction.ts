/** A batch of nf_tables changes: all of it, or nothing. */
import type { NetlinkConnection } from "../../netlink/connection.ts";
import type { NetlinkError } from "../../netlink/error.ts";
import { Flag, type NetlinkMessage } from "../../netlink/message.ts";
import { Errno } from "../../system/errno.ts";
import { nfnetlinkHeader, Subsystem } from "../nfnetlink.ts";

/** include/uapi/linux/netfilter/nfnetlink.h. */
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

/** Others change the packet filter too: what a batch was built on may be gone by the time it arrives. */
const OUTDATED: readonly number[] = [Errno.ENOENT, Errno.EEXIST, Errno.EBUSY, Errno.ERESTART];
const ATTEMPTS = 10;

function bracket(type: number): NetlinkMessage {
  const body = nfnetlinkHeader(0, Subsystem.nftables);
  return { type, flags: Flag.request, body, purpose: "change the packet filter" };
}

/** The changes behind the message that opens a batch. */
function opened(messages: readonly NetlinkMessage[]): NetlinkMessage[] {
  // One acknowledgement, of the last change, says that the batch has been worked through.
  const last = messages.length - 1;
  const changes = messages.map((message, index) =>
    index === last ? { ...message, flags: message.flags | Flag.ack } : message,
  );
  return [{ ...bracket(NFNL_MSG_BATCH_BEGIN), opensBatch: true }, ...changes];
}

/** The whole batch, as it is sent. */
function batch(messages: readonly NetlinkMessage[]): NetlinkMessage[] {
  return [...opened(messages), bracket(NFNL_MSG_BATCH_END)];
}

function firstRefusal(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
): NetlinkError | undefined {
  return connection.transact(messages).find((answer) => answer.error !== undefined)?.error;
}

/** Whether the kernel would make these changes; it takes them back at once, because the batch has no end. */
export function tryWithoutCommit(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
): NetlinkError | undefined {
  return firstRefusal(connection, opened(messages));
}

/**
 * Makes all the changes in one step, or none of them and throws the first refusal. They may depend on what is there:
 * when that has changed meanwhile, they are asked for again.
 */
export function retryCommit(connection: NetlinkConnection, changes: () => NetlinkMessage[]): void {
  for (let attempt = 1; ; attempt++) {
    const messages = changes();
    if (messages.length === 0) return;
    const error = firstRefusal(connection, batch(messages));
    if (error === undefined) return;
    if (!OUTDATED.includes(error.errno) || attempt === ATTEMPTS) throw error;
  }
}
