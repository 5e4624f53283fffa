/** Reading the attributes of a netlink message. */
import { decodeText } from "../system/text.ts";
import { align } from "./message.ts";

/** An attribute's type without the NESTED and NET_BYTEORDER bits. */
const TYPE_MASK = 0x3fff;

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
