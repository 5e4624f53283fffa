/** Writes the body of a netlink message. */
import { encodeText } from "../system/text.ts";
import { align } from "./message.ts";

export const NESTED = 0x8000;

/** Builds a message body: a fixed header, then attributes. A callback writes nested ones. */
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
    const start = this.reserve((payload + 7) & ~3);
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

  /** Network byte order, for ports and netfilter. */
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

  /** Network byte order, for netfilter. */
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
    return this.bytes(type, encodeText(`${value}\0`));
  }

  nested(type: number, fill: (inner: this) => void): this {
    const start = this.reserve(4);
    fill(this);
    this.view.setUint16(start, this.used - start, true);
    this.view.setUint16(start + 2, type | NESTED, true);
    return this;
  }

  /** A copy of the body so far. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }
}
