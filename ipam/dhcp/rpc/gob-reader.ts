/** Reads values in Go's gob format. A stream describes its types, so any value can be read. */
import { decodeText } from "../../../shared/system/text.ts";
import { basicIds, type GobObject, type GobValue } from "./gob-types.ts";

/** What is no gob, or none of this module's. */
export class GobError extends Error {}

/** Several times the largest configuration (shared/cni/configuration.ts). */
const MOST_BYTES = 16 << 20;
/** Types may contain each other. The messages of the protocol are 5 deep. */
const MOST_DEPTH = 20;

class Cursor {
  private readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  take(count: number): Uint8Array {
    if (count > this.bytes.length - this.at) throw new GobError("a gob message ends within a value");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  unsigned(): number {
    const [first = 0] = this.take(1);
    if (first < 128) return first;
    if (first < 248) throw new GobError("a number in a gob message has more than 8 bytes");
    return this.take(256 - first).reduce((value, byte) => value * 256 + byte, 0);
  }

  signed(): number {
    const value = this.unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  counted(): Uint8Array {
    return this.take(this.unsigned());
  }
}

type Type =
  | { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly id: number }[] }
  | { readonly kind: "slice"; readonly element: number };

/** The descriptions of types are values, too: these are their types, by field number. */
type Read = (cursor: Cursor) => unknown;

function readFields(cursor: Cursor, fields: readonly Read[]): unknown[] {
  const values: unknown[] = [];
  for (let index = -1; ; ) {
    const step = cursor.unsigned();
    if (step === 0) return values;
    index += step;
    const read = fields[index];
    if (read === undefined) throw new GobError("a gob message has a type that is not understood");
    values[index] = read(cursor);
  }
}

const readText: Read = (cursor) => decodeText(cursor.counted());
const readInteger: Read = (cursor) => cursor.signed();
const readCommon: Read = (cursor) => readFields(cursor, [readText, readInteger]);

const readField = (cursor: Cursor): { name: string; id: number } => {
  const [name = "", id = 0] = readFields(cursor, [readText, readInteger]);
  return { name: name as string, id: id as number };
};

function readList<Item>(cursor: Cursor, read: (cursor: Cursor) => Item): Item[] {
  const count = cursor.unsigned();
  const items: Item[] = [];
  // Each item takes a byte or more, so a lie about their number ends with the message.
  for (let index = 0; index < count; index++) {
    if (cursor.isAtEnd) throw new GobError("a gob message ends within a list");
    items.push(read(cursor));
  }
  return items;
}

const readSlice: Read = (cursor): Type => {
  const [, element = 0] = readFields(cursor, [readCommon, readInteger]);
  return { kind: "slice", element: element as number };
};

const readStructType: Read = (cursor): Type => {
  const [, fields = []] = readFields(cursor, [readCommon, (inner) => readList(inner, readField)]);
  return { kind: "struct", fields: fields as { name: string; id: number }[] };
};

const refuse: Read = () => {
  throw new GobError("a gob message has an array, which is not understood");
};

/** One direction of a stream. */
export class GobReader {
  private readonly types = new Map<number, Type>();
  private pending: Uint8Array = new Uint8Array(0);

  /** Adds received bytes. Throws GobError if a message is too long. */
  add(bytes: Uint8Array): void {
    if (this.pending.length + bytes.length > MOST_BYTES) throw new GobError("a gob message is too long");
    const joined = new Uint8Array(this.pending.length + bytes.length);
    joined.set(this.pending);
    joined.set(bytes, this.pending.length);
    this.pending = joined;
  }

  /** The next struct; undefined if it is not there yet. Throws GobError. */
  next(): GobObject | undefined {
    for (;;) {
      const message = this.takeMessage();
      if (message === undefined) return undefined;
      const cursor = new Cursor(message);
      const id = cursor.signed();
      if (id < 0) this.define(-id, cursor);
      else return this.readTop(id, cursor);
    }
  }

  private takeMessage(): Uint8Array | undefined {
    const [first] = this.pending;
    if (first === undefined || (first >= 128 && this.pending.length < 257 - first)) return undefined;
    const cursor = new Cursor(this.pending);
    const length = cursor.unsigned();
    if (length > MOST_BYTES) throw new GobError("a gob message is too long");
    if (length > this.pending.length - cursor.at) return undefined;
    const message = cursor.take(length);
    this.pending = this.pending.subarray(cursor.at);
    return message;
  }

  private define(id: number, cursor: Cursor): void {
    const types = readFields(cursor, [refuse, readSlice, readStructType]);
    const type = (types[1] ?? types[2]) as Type | undefined;
    if (type === undefined) throw new GobError("a gob message describes a type that is not understood");
    this.types.set(id, type);
  }

  private readTop(id: number, cursor: Cursor): GobObject {
    if (this.types.get(id)?.kind !== "struct") throw new GobError("a gob message is not a struct");
    return this.read(id, cursor, 0) as GobObject;
  }

  private read(id: number, cursor: Cursor, depth: number): GobValue {
    if (id === basicIds.bool) return cursor.unsigned() !== 0;
    if (id === basicIds.int) return cursor.signed();
    if (id === basicIds.uint) return cursor.unsigned();
    if (id === basicIds.bytes) return cursor.counted().slice();
    if (id === basicIds.string) return decodeText(cursor.counted());
    const type = this.types.get(id);
    if (type === undefined || depth > MOST_DEPTH)
      throw new GobError("a gob message has a type that is not known");
    if (type.kind === "slice") return readList(cursor, (inner) => this.read(type.element, inner, depth + 1));
    const object: Record<string, GobValue> = {};
    for (let index = -1; ; ) {
      const step = cursor.unsigned();
      if (step === 0) return object;
      index += step;
      const field = type.fields[index];
      if (field === undefined) throw new GobError("a gob message has a field that its type lacks");
      object[field.name] = this.read(field.id, cursor, depth + 1);
    }
  }
}
