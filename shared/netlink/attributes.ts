/** Reads the attributes of a netlink message. */
import { decodeText } from "../system/text.ts";
import { align } from "./message.ts";

/** An attribute's type without the NESTED and NET_BYTEORDER bits. */
const TYPE_MASK = 0x3fff;

const empty = new Uint8Array(0);

/** Larger than all types that we read. */
const TABLE = 64;

/**
 * Attributes by type. Of a repeated type the last one counts; readAttributes returns all. Only positions are stored: a
 * link has sixty attributes, of which a plugin reads five.
 */
export class Attributes {
  private readonly source: Uint8Array;
  private readonly view: DataView;
  /**
   * By type: the position after the first byte of the attribute's header; 0 if absent. Making and filling a table is
   * faster than a map.
   */
  private readonly positions = new Uint32Array(TABLE);
  /** Positions of types beyond the table. */
  private others: Map<number, number> | undefined;

  constructor(bytes: Uint8Array | undefined, offset = 0, end = bytes?.length ?? 0) {
    this.source = bytes ?? empty;
    this.view = new DataView(this.source.buffer, this.source.byteOffset, this.source.length);
    for (let at = align(offset); at + 4 <= end; ) {
      const length = this.view.getUint16(at, true);
      if (length < 4 || at + length > end) break;
      const type = this.view.getUint16(at + 2, true) & TYPE_MASK;
      if (type < TABLE) this.positions[type] = at + 1;
      else this.others = (this.others ?? new Map()).set(type, at + 1);
      at += align(length);
    }
  }

  /** The position of the attribute's header, or -1. */
  private find(type: number): number {
    return ((type < TABLE ? this.positions[type] : this.others?.get(type)) ?? 0) - 1;
  }

  /** The position of the payload; undefined if the attribute is absent or too short. */
  private payload(type: number, length: number): number | undefined {
    const at = this.find(type);
    return at < 0 || this.view.getUint16(at, true) < 4 + length ? undefined : at + 4;
  }

  bytes(type: number): Uint8Array | undefined {
    const at = this.find(type);
    return at < 0 ? undefined : this.source.subarray(at + 4, at + this.view.getUint16(at, true));
  }

  has(type: number): boolean {
    return this.find(type) >= 0;
  }

  u8(type: number): number | undefined {
    const at = this.payload(type, 1);
    return at === undefined ? undefined : this.view.getUint8(at);
  }

  u16(type: number): number | undefined {
    const at = this.payload(type, 2);
    return at === undefined ? undefined : this.view.getUint16(at, true);
  }

  u16be(type: number): number | undefined {
    const at = this.payload(type, 2);
    return at === undefined ? undefined : this.view.getUint16(at, false);
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
    return decodeText(end < 0 ? value : value.subarray(0, end));
  }

  nested(type: number): Attributes {
    const at = this.find(type);
    if (at < 0) return new Attributes(undefined);
    return new Attributes(this.source, at + 4, at + this.view.getUint16(at, true));
  }
}

/** All attributes from `offset` on, in order; a truncated one ends the list. */
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
