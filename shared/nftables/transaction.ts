/** A batch of nf_tables changes: all of it, or nothing. */
import { Attributes } from "../netlink/attributes.ts";
import { BodyWriter } from "../netlink/body-writer.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { nfnetlinkHeader, nfnetlinkMessage, Subsystem } from "../netlink/netfilter.ts";
import { Errno } from "../system/errno.ts";

/** include/uapi/linux/netfilter/nfnetlink.h. */
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

/** Others change the packet filter too: what a batch was built on may be gone by the time it arrives. */
const OUTDATED: readonly number[] = [Errno.ENOENT, Errno.EEXIST, Errno.EBUSY, Errno.ERESTART];
const ATTEMPTS = 10;
/** Where the whole ruleset must be as it was: any commit of another program gets in between, and the kernel refuses early. */
const GENERATION_ATTEMPTS = 100;

/** The number of the ruleset: each commit of any program gives it the next one. Undefined without nf_tables. */
export function generationOf(connection: NetlinkConnection): number | undefined {
  const NFT_MSG_GETGEN = 16;
  const NFTA_GEN_ID = 1;
  const body = nfnetlinkHeader(0);
  const purpose = "ask for the ruleset's generation";
  const request = nfnetlinkMessage(Subsystem.nftables, NFT_MSG_GETGEN, Flag.request, body, purpose);
  const answer = connection.query(request).body;
  return answer === undefined ? undefined : new Attributes(answer, 4).u32be(NFTA_GEN_ID);
}

function bracket(type: number, generation?: number): NetlinkMessage {
  const NFNL_BATCH_GENID = 1;
  const writer = new BodyWriter().raw(nfnetlinkHeader(0, Subsystem.nftables));
  if (generation !== undefined) writer.u32be(NFNL_BATCH_GENID, generation);
  return { type, flags: Flag.request, body: writer.finish(), purpose: "change the packet filter" };
}

/** The changes behind the message that opens a batch. */
function opened(messages: readonly NetlinkMessage[], generation?: number): NetlinkMessage[] {
  // One acknowledgement, of the last change, says that the batch has been worked through.
  const last = messages.length - 1;
  const changes = messages.map((message, index) =>
    index === last ? { ...message, flags: message.flags | Flag.ack } : message,
  );
  return [{ ...bracket(NFNL_MSG_BATCH_BEGIN, generation), opensBatch: true }, ...changes];
}

/** The whole batch, as it is sent. */
function batch(messages: readonly NetlinkMessage[], generation?: number): NetlinkMessage[] {
  return [...opened(messages, generation), bracket(NFNL_MSG_BATCH_END)];
}

function firstRefusal(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
): NetlinkError | undefined {
  return connection.transact(messages).find((answer) => answer.error !== undefined)?.error;
}

/** The generation that follows: nf_tables_api.c passes over 0. */
export const nextGeneration = (generation: number): number => (generation + 1) >>> 0 || 1;

/**
 * Makes all the changes in one step if the ruleset still has the generation (ERESTART if not). Returns the refusal, and
 * then nothing was changed.
 */
export function tryCommit(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
  generation: number,
): NetlinkError | undefined {
  return firstRefusal(connection, batch(messages, generation));
}

/** Whether the kernel would make these changes; it takes them back at once, because the batch has no end. */
export function tryWithoutCommit(
  connection: NetlinkConnection,
  messages: readonly NetlinkMessage[],
): NetlinkError | undefined {
  return firstRefusal(connection, opened(messages));
}

/** Whether a change was refused because something else is, or is not, there than it was built on. */
export function isOutdated(thrown: unknown): boolean {
  return thrown instanceof NetlinkError && OUTDATED.includes(thrown.errno);
}

/**
 * Makes all the changes in one step, or none of them and throws the first refusal. They may depend on what is there:
 * when that has changed meanwhile, they are asked for again. Mostly the kernel notices by itself that they do not
 * fit; changes that rest on something not being there are made only if the whole ruleset is `as it was`.
 */
export function retryCommit(
  connection: NetlinkConnection,
  changes: () => NetlinkMessage[],
  condition?: "as it was",
): void {
  for (let attempt = 1; ; attempt++) {
    const generation = condition === undefined ? undefined : generationOf(connection);
    const messages = changes();
    if (messages.length === 0) return;
    const error = firstRefusal(connection, batch(messages, generation));
    if (error === undefined) return;
    const most = error.errno === Errno.ERESTART ? GENERATION_ATTEMPTS : ATTEMPTS;
    if (!isOutdated(error) || attempt >= most) throw error;
  }
}
