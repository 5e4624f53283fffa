/** D-Bus messages as bytes: calls with texts as arguments, and their answers. D-Bus Specification, "Message Protocol". Pure. */
import { decodeText, encodeText } from "../../../shared/system/text.ts";

const Type = { call: 1, answer: 2, error: 3 } as const;
const Field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;
/** A service that does not run is not started for the question. */
const NO_AUTO_START = 2;
const FIXED_HEADER = 16;
/** "Maximum message length". */
const LONGEST = 2 ** 27;

export interface Method {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

const aligned = (position: number, unit: number): number => Math.ceil(position / unit) * unit;

/** Collects bytes, each value on a multiple of its size. */
class Writer {
  readonly #bytes: number[] = [];

  align(unit: number): this {
    while (this.#bytes.length % unit !== 0) this.#bytes.push(0);
    return this;
  }

  byte(value: number): this {
    this.#bytes.push(value);
    return this;
  }

  u32(value: number): this {
    this.align(4);
    for (const shift of [0, 8, 16, 24]) this.#bytes.push((value >>> shift) & 0xff);
    return this;
  }

  /** A string or an object path. */
  text(value: string): this {
    const bytes = encodeText(value);
    this.u32(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this.byte(0);
  }

  signature(value: string): this {
    this.byte(value.length);
    for (const byte of encodeText(value)) this.#bytes.push(byte);
    return this.byte(0);
  }

  /** A field of the header: its number, and a variant. */
  field(code: number, type: "o" | "s" | "g", value: string): this {
    this.align(8).byte(code).signature(type);
    return type === "g" ? this.signature(value) : this.text(value);
  }

  get bytes(): number[] {
    return this.#bytes;
  }
}

/** A call of a method whose arguments are texts. */
export function methodCall(method: Method, words: readonly string[], serial: number): Uint8Array {
  const body = new Writer();
  for (const word of words) body.text(word);
  const fields = new Writer()
    .field(Field.path, "o", method.path)
    .field(Field.interface, "s", method.interface)
    .field(Field.member, "s", method.member)
    .field(Field.destination, "s", method.destination);
  if (words.length > 0) fields.field(Field.signature, "g", "s".repeat(words.length));
  const LITTLE_ENDIAN = 0x6c;
  const VERSION = 1;
  const header = new Writer();
  for (const byte of [LITTLE_ENDIAN, Type.call, NO_AUTO_START, VERSION]) header.byte(byte);
  header.u32(body.bytes.length).u32(serial).u32(fields.bytes.length);
  for (const byte of fields.bytes) header.byte(byte);
  return Uint8Array.from([...header.align(8).bytes, ...body.bytes]);
}

/** What came of a call. */
export interface Answer {
  /** The serial of the call. */
  readonly serial: number;
  /** The name of an error, such as org.freedesktop.DBus.Error.ServiceUnknown; absent if the call has succeeded. */
  readonly error?: string;
  readonly signature: string;
  readonly body: DataView;
}

export class MalformedMessage extends Error {}

/** How many bytes the message has that begins here; undefined if too few are there to tell. Throws MalformedMessage. */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0] !== 0x6c && bytes[0] !== 0x42) throw new MalformedMessage("it is no message of D-Bus");
  const isLittle = bytes[0] === 0x6c;
  const body = view.getUint32(4, isLittle);
  const fields = view.getUint32(12, isLittle);
  const length = aligned(FIXED_HEADER + fields, 8) + body;
  if (length > LONGEST) throw new MalformedMessage("it is longer than D-Bus allows");
  return length;
}

interface Fields {
  readonly serial: number;
  readonly error?: string;
  readonly signature: string;
}

function readFields(view: DataView, isLittle: boolean): Fields {
  const end = FIXED_HEADER + view.getUint32(12, isLittle);
  const textAt = (at: number, length: number) =>
    decodeText(new Uint8Array(view.buffer, view.byteOffset + at, length));
  let fields: Fields = { serial: 0, signature: "" };
  for (let at = FIXED_HEADER; at < end; ) {
    at = aligned(at, 8);
    const code = view.getUint8(at);
    const type = String.fromCharCode(view.getUint8(at + 2));
    // The signature of the variant: its length, one character, and a NUL.
    at += 4;
    if (type === "u") {
      at = aligned(at, 4);
      if (code === Field.replySerial) fields = { ...fields, serial: view.getUint32(at, isLittle) };
      at += 4;
    } else if (type === "g") {
      const length = view.getUint8(at);
      if (code === Field.signature) fields = { ...fields, signature: textAt(at + 1, length) };
      at += length + 2;
    } else if (type === "s" || type === "o") {
      at = aligned(at, 4);
      const length = view.getUint32(at, isLittle);
      if (code === Field.errorName) fields = { ...fields, error: textAt(at + 4, length) };
      at += length + 5;
    } else throw new MalformedMessage(`a field of its header has the type ${type}`);
  }
  return fields;
}

/** Reads a whole message; undefined if it is no answer, as signals are not. Throws MalformedMessage. */
export function readAnswer(bytes: Uint8Array): Answer | undefined {
  const type = bytes[1];
  if (type !== Type.answer && type !== Type.error) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = bytes[0] === 0x6c;
  try {
    const fields = readFields(view, isLittle);
    const start = aligned(FIXED_HEADER + view.getUint32(12, isLittle), 8);
    const body = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
    const { error, ...rest } = fields;
    return { ...rest, body, ...(type === Type.error ? { error: error ?? "an error without a name" } : {}) };
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new MalformedMessage("its header ends too early");
    throw thrown;
  }
}

/** The first text of an answer's body; empty without one. */
export function firstText({ signature, body }: Answer): string {
  if (!signature.startsWith("s") || body.byteLength < 4) return "";
  const length = Math.min(body.getUint32(0, true), body.byteLength - 4);
  return decodeText(new Uint8Array(body.buffer, body.byteOffset + 4, length));
}

/** The truth value that is an answer's body. */
export const firstBoolean = ({ signature, body }: Answer): boolean =>
  signature === "b" && body.byteLength >= 4 && body.getUint32(0, true) === 1;
