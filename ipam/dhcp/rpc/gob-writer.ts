/** Writes values in Go's gob format. */
import { encodeText } from "../../../shared/system/text.ts";
import {
  basicIds,
  FIRST_ID,
  type GobObject,
  type GobStruct,
  type GobType,
  type GobValue,
} from "./gob-types.ts";

class Bytes {
  private bytes = new Uint8Array(256);
  private used = 0;

  raw(value: Uint8Array): void {
    if (this.used + value.length > this.bytes.length) {
      const larger = new Uint8Array(2 * (this.used + value.length));
      larger.set(this.bytes.subarray(0, this.used));
      this.bytes = larger;
    }
    this.bytes.set(value, this.used);
    this.used += value.length;
  }

  /** Below 128 one byte; else the negated count of bytes, and these, the highest first. */
  unsigned(value: number): void {
    if (value < 128) {
      this.raw(Uint8Array.of(value));
      return;
    }
    const digits: number[] = [];
    for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
    this.raw(Uint8Array.of(256 - digits.length, ...digits));
  }

  /** The lowest bit is the sign; a negative number is complemented. */
  signed(value: number): void {
    this.unsigned(value < 0 ? -value * 2 - 1 : value * 2);
  }

  counted(value: Uint8Array): void {
    this.unsigned(value.length);
    this.raw(value);
  }

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.used);
  }
}

/** True for what Go's encoder leaves out: a field with its type's zero value. */
function isZero(value: GobValue): boolean {
  if (value === undefined || value === false || value === 0 || value === "") return true;
  return (value instanceof Uint8Array || Array.isArray(value)) && value.length === 0;
}

function writeStruct(bytes: Bytes, { fields }: GobStruct, value: GobObject): void {
  let last = -1;
  for (const [index, [name, type]] of fields.entries()) {
    const field = value[name];
    if (isZero(field)) continue;
    bytes.unsigned(index - last);
    last = index;
    writeValue(bytes, type, field);
  }
  bytes.unsigned(0);
}

function writeValue(bytes: Bytes, type: GobType, value: GobValue): void {
  if (type === "bool") bytes.unsigned(value === true ? 1 : 0);
  else if (type === "int") bytes.signed(value as number);
  else if (type === "uint") bytes.unsigned(value as number);
  else if (type === "string") bytes.counted(encodeText(value as string));
  else if (type === "bytes") bytes.counted(value as Uint8Array);
  else if (type.kind === "struct") writeStruct(bytes, type, value as GobObject);
  else {
    const items = value as readonly GobValue[];
    bytes.unsigned(items.length);
    for (const item of items) writeValue(bytes, type.of, item);
  }
}

/** One direction of a stream: a type is described before its first value. */
export class GobWriter {
  private readonly ids = new Map<GobType, number>();
  private next = FIRST_ID;

  /** The messages for one value, with descriptions of types that the other side does not know yet. */
  write(type: GobStruct, value: GobObject): Uint8Array {
    const output = new Bytes();
    const id = this.idOf(type, output);
    const body = new Bytes();
    body.signed(id);
    writeStruct(body, type, value);
    output.counted(body.finish());
    return output.finish();
  }

  private idOf(type: GobType, output: Bytes): number {
    if (typeof type === "string") return basicIds[type];
    const known = this.ids.get(type);
    if (known !== undefined) return known;
    const id = this.next++;
    this.ids.set(type, id);
    const body = new Bytes();
    body.signed(-id);
    // Struct wireType: ArrayT, SliceT, StructT; each begins with CommonType {Name, Id}.
    if (type.kind === "slice") {
      const element = this.idOf(type.of, output);
      body.raw(Uint8Array.of(2, 1, 2));
      body.signed(id);
      body.raw(Uint8Array.of(0, 1));
      body.signed(element);
    } else this.describe(type, id, body, output);
    body.raw(Uint8Array.of(0, 0));
    output.counted(body.finish());
    return id;
  }

  private describe({ name, fields }: GobStruct, id: number, body: Bytes, output: Bytes): void {
    const described = fields.map(([field, type]) => [field, this.idOf(type, output)] as const);
    body.raw(Uint8Array.of(3, 1));
    if (name !== "") {
      body.unsigned(1);
      body.counted(encodeText(name));
    }
    body.unsigned(name === "" ? 2 : 1);
    body.signed(id);
    body.unsigned(0);
    if (described.length === 0) return;
    body.unsigned(1);
    body.unsigned(described.length);
    for (const [field, type] of described) {
      body.unsigned(1);
      body.counted(encodeText(field));
      body.unsigned(1);
      body.signed(type);
      body.unsigned(0);
    }
  }
}
