/**
 * The netlink message codec: pure bytes, no socket. Layout: include/uapi/linux/netlink.h; every header and
 * attribute starts on a 4-byte boundary, numbers are in host order (little-endian on every platform we build for).
 *
 * The npm package `netlink` has a codec too, and is the oracle of this one's tests; importing it costs 3 ms of
 * a 4 ms start and it parses through promises, which is why the plugins do not.
 */

/** nlmsg_flags. */
export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  /** The request's notification comes back to its sender. */
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

const NESTED = 0x8000;
/** An attribute's type without the NESTED and NET_BYTEORDER bits. */
const TYPE_MASK = 0x3fff;
const HEADER = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A request to the kernel; `purpose` completes "could not ..." in an error. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly purpose: string;
  /** A batch's first message: when the kernel refuses it, it answers none of the others. */
  readonly opensBatch?: boolean;
}

const align = (length: number) => (length + 3) & ~3;

/** Builds a message body: a fixed header, then attributes, nested ones by callback. */
export class BodyWriter {
  private buffer = new Uint8Array(512);
  private view = new DataView(this.buffer.buffer);
  private used = 0;

  private reserve(count: number): number {
    const start = this.used;
    const end = start + count;
    if (end > this.buffer.length) {
      const larger = new Uint8Array(Math.max(end, this.buffer.length * 2));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    this.used = end;
    return start;
  }

  /** Appends raw bytes: a fixed header. */
  raw(bytes: Uint8Array): this {
    this.buffer.set(bytes, this.reserve(align(bytes.length)));
    return this;
  }

  private header(type: number, payload: number): number {
    const start = this.reserve(4 + align(payload));
    this.view.setUint16(start, 4 + payload, true);
    this.view.setUint16(start + 2, type, true);
    return start + 4;
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.header(type, value.length);
    this.buffer.set(value, at);
    return this;
  }

  flag(type: number): this {
    this.header(type, 0);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.header(type, 1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.header(type, 2);
    this.view.setUint16(at, value, true);
    return this;
  }

  /** Network byte order, as netfilter and ports want it. */
  u16be(type: number, value: number): this {
    const at = this.header(type, 2);
    this.view.setUint16(at, value, false);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.header(type, 4);
    this.view.setUint32(at, value, true);
    return this;
  }

  /** Network byte order, as netfilter wants its numbers. */
  u32be(type: number, value: number): this {
    const at = this.header(type, 4);
    this.view.setUint32(at, value, false);
    return this;
  }

  u64be(type: number, value: bigint): this {
    const at = this.header(type, 8);
    this.view.setBigUint64(at, value, false);
    return this;
  }

  /** A NUL-terminated string. */
  text(type: number, value: string): this {
    return this.bytes(type, encoder.encode(`${value}\0`));
  }

  nested(type: number, fill: (inner: this) => void): this {
    const start = this.reserve(4);
    fill(this);
    this.view.setUint16(start, this.used - start, true);
    this.view.setUint16(start + 2, type | NESTED, true);
    return this;
  }

  /** The body so far, as a copy. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }
}

/** Lays messages out one after the other, numbered from `firstSequence`, for one send. */
export function encodeMessages(messages: readonly NetlinkMessage[], firstSequence: number): Uint8Array {
  const total = messages.reduce((sum, message) => sum + align(HEADER + message.body.length), 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, message] of messages.entries()) {
    view.setUint32(at, HEADER + message.body.length, true);
    view.setUint16(at + 4, message.type, true);
    view.setUint16(at + 6, message.flags, true);
    view.setUint32(at + 8, firstSequence + index, true);
    bytes.set(message.body, at + HEADER);
    at += align(HEADER + message.body.length);
  }
  return bytes;
}

/** A message as the kernel sent it. */
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

const empty = new Uint8Array(0);

/**
 * Attributes by type. Where a type repeats, the last one wins; readAttributes gives all. Only positions are
 * noted at first: of the sixty attributes of a link a plugin reads five.
 */
export class Attributes {
  private readonly source: Uint8Array;
  private readonly view: DataView;
  /** Type to the position of the attribute's header. */
  private readonly positions = new Map<number, number>();

  constructor(bytes: Uint8Array | undefined, offset = 0, end = bytes?.length ?? 0) {
    this.source = bytes ?? empty;
    this.view = new DataView(this.source.buffer, this.source.byteOffset, this.source.length);
    for (let at = align(offset); at + 4 <= end; ) {
      const length = this.view.getUint16(at, true);
      if (length < 4 || at + length > end) break;
      this.positions.set(this.view.getUint16(at + 2, true) & TYPE_MASK, at);
      at += align(length);
    }
  }

  /** The position of the payload, if the attribute is there and at least that long. */
  private payload(type: number, length: number): number | undefined {
    const at = this.positions.get(type);
    return at === undefined || this.view.getUint16(at, true) < 4 + length ? undefined : at + 4;
  }

  bytes(type: number): Uint8Array | undefined {
    const at = this.positions.get(type);
    return at === undefined ? undefined : this.source.subarray(at + 4, at + this.view.getUint16(at, true));
  }

  has(type: number): boolean {
    return this.positions.has(type);
  }

  u8(type: number): number | undefined {
    const at = this.payload(type, 1);
    return at === undefined ? undefined : this.view.getUint8(at);
  }

  u16(type: number): number | undefined {
    const at = this.payload(type, 2);
    return at === undefined ? undefined : this.view.getUint16(at, true);
  }

  u32(type: number): number | undefined {
    const at = this.payload(type, 4);
    return at === undefined ? undefined : this.view.getUint32(at, true);
  }

  i32(type: number): number | undefined {
    const at = this.payload(type, 4);
    return at === undefined ? undefined : this.view.getInt32(at, true);
  }

  u32be(type: number): number | undefined {
    const at = this.payload(type, 4);
    return at === undefined ? undefined : this.view.getUint32(at, false);
  }

  u64be(type: number): bigint | undefined {
    const at = this.payload(type, 8);
    return at === undefined ? undefined : this.view.getBigUint64(at, false);
  }

  text(type: number): string | undefined {
    const value = this.bytes(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return decoder.decode(end < 0 ? value : value.subarray(0, end));
  }

  nested(type: number): Attributes {
    const at = this.positions.get(type);
    if (at === undefined) return new Attributes(undefined);
    return new Attributes(this.source, at + 4, at + this.view.getUint16(at, true));
  }
}

/** Every attribute from `offset` on, in order; a truncated tail ends the list. */
export function readAttributes(body: Uint8Array, offset = 0): { type: number; value: Uint8Array }[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const found: { type: number; value: Uint8Array }[] = [];
  for (let at = align(offset); at + 4 <= body.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > body.length) break;
    found.push({ type: view.getUint16(at + 2, true) & TYPE_MASK, value: body.subarray(at + 4, at + length) });
    at += align(length);
  }
  return found;
}
