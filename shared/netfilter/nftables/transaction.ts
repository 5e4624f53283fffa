/** A batch of nf_tables changes: all of it, or nothing. */
import type { NetlinkConnection, NetlinkError } from "../../netlink/connection.ts";
import { Flag, type NetlinkMessage } from "../../netlink/message.ts";
import { nfnetlinkHeader, Subsystem } from "../nfnetlink.ts";

/** include/uapi/linux/netfilter/nfnetlink.h. */
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

/** The messages between the batch's brackets. */
export function batch(messages: readonly NetlinkMessage[]): NetlinkMessage[] {
  const body = nfnetlinkHeader(0, Subsystem.nftables);
  const bracket = (type: number) => ({
    type,
    flags: Flag.request,
    body,
    purpose: "change the packet filter",
  });
  // One acknowledgement, of the last change, says that the batch has been worked through.
  const last = messages.length - 1;
  const changes = messages.map((message, index) =>
    index === last ? { ...message, flags: message.flags | Flag.ack } : message,
  );
  return [{ ...bracket(NFNL_MSG_BATCH_BEGIN), opensBatch: true }, ...changes, bracket(NFNL_MSG_BATCH_END)];
}

/** Makes all the changes in one step, or none of them; returns the first refusal. */
export function tryCommit(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
): NetlinkError | undefined {
  const answers = connection.transact(batch(messages));
  return answers.find((answer) => answer.error !== undefined)?.error;
}

/** As tryCommit, but throws the refusal. */
export function commit(connection: NetlinkConnection, messages: readonly NetlinkMessage[]): void {
  const error = tryCommit(connection, messages);
  if (error !== undefined) throw error;
}
