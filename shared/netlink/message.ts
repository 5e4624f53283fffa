/**
 * The netlink message codec: pure bytes, no socket. Layout: include/uapi/linux/netlink.h. Headers and attributes are
 * aligned to 4 bytes; numbers are in host order (little-endian on all our platforms).
 *
 * The npm package `netlink` has a codec, too, and is the oracle of this one's tests. It is an addon of Node.js with
 * promises; the executables have neither.
 */

/** nlmsg_flags. */
export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  /** The kernel also sends the request's notification to its sender. */
  echo: 0x8,
  dumpInterrupted: 0x10,
  /** For get requests. */
  dump: 0x300,
  /** For new requests. */
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

const HEADER = 16;

/** A message to the kernel. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  /**
   * Completes "could not ..." in an error. With thousands of messages it is a getter: few errors occur. With `index`, the name of
   * that interface follows.
   */
  readonly purpose: string;
  /** The interface that the message is about, for errors. */
  readonly index?: number;
  /** The first message of a batch: if the kernel refuses it, the batch's other messages get no answer. */
  readonly opensBatch?: boolean;
  /** An errno that counts as success: the request only saves time. */
  readonly dispensable?: number;
}

/** Headers and attributes are aligned to 4 bytes. */
export const align = (length: number) => (length + 3) & ~3;

/** The acknowledged messages: all that request it, or only the last one. */
export type Acknowledged = "each" | "last";

/** Encodes messages one after the other for one send, numbered from `firstSequence`. */
export function encodeMessages(
  messages: readonly NetlinkMessage[],
  firstSequence: number,
  acknowledged: Acknowledged = "each",
): Uint8Array {
  let total = 0;
  for (const { body } of messages) total += align(HEADER + body.length);
  const bytes = new Uint8Array(total);
  const words = new Uint32Array(bytes.buffer);
  const kept = acknowledged === "each" ? ~0 : ~Flag.ack;
  let start = 0;
  for (let index = 0; index < messages.length; index++) {
    const { type, flags, body } = messages[index] as NetlinkMessage;
    const at = start >> 2;
    words[at] = HEADER + body.length;
    words[at + 1] = type | ((index < messages.length - 1 ? flags & kept : flags) << 16);
    words[at + 2] = firstSequence + index;
    bytes.set(body, start + HEADER);
    start += align(HEADER + body.length);
  }
  return bytes;
}

/** A message from the kernel. */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** Splits one received datagram into its messages. The bodies are views into `bytes`. */
export function decodeMessages(bytes: Uint8Array): ReceivedMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: ReceivedMessage[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}
