import fc from "fast-check";
import * as witness from "netlink";
import { describe, expect, test } from "vitest";
import { Attributes, readAttributes } from "../../../shared/netlink/attributes.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import { decodeMessages, encodeMessages } from "../../../shared/netlink/message.ts";
import { messages, payloads, type Tree, trees, write } from "./arbitraries.ts";

/** The same bytes from the other implementation. */
const witnessed = (tree: Tree): Buffer =>
  Buffer.concat(
    tree.flatMap(({ type, value }) => {
      const isNested = !(value instanceof Uint8Array);
      const data = isNested ? witnessed(value) : Buffer.from(value);
      return padded(Buffer.concat(witness.formatAttribute({ type, nested: isNested, data })));
    }),
  );

const padded = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

const read = (bytes: Uint8Array, tree: Tree): Tree =>
  readAttributes(bytes).map(({ type, value }, index) => {
    const wanted = tree[index]?.value;
    return { type, value: wanted instanceof Uint8Array ? value : read(value, wanted ?? []) };
  });

describe("a message body", () => {
  test("is read back as it was written, however deep and long", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        expect(read(write(new BodyWriter(), tree).finish(), tree)).toEqual(tree);
      }),
    );
  });

  test("is the bytes that the package netlink makes of it", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const ours = Buffer.from(write(new BodyWriter(), tree).finish());
        expect(ours.equals(witnessed(tree))).toBe(true);
      }),
    );
  });

  test("keeps its header in front, filled up to a boundary of four bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), payloads, (header, payload) => {
        const body = new BodyWriter().raw(header).bytes(7, payload).finish();
        expect(Buffer.from(body.subarray(0, header.length)).equals(Buffer.from(header))).toBe(true);
        expect(readAttributes(body, header.length)).toEqual([{ type: 7, value: payload }]);
        expect(new Attributes(body, header.length).bytes(7)).toEqual(payload);
      }),
    );
  });

  test("grows as far as it must", () => {
    const large = new Uint8Array(60_000).fill(7);
    const body = new BodyWriter().bytes(1, large).bytes(2, large).u8(3, 9).finish();
    expect(new Attributes(body).bytes(2)).toEqual(large);
    expect(new Attributes(body).u8(3)).toBe(9);
  });
});

describe("an attribute", () => {
  const u16 = fc.integer({ min: 0, max: 0xffff });
  const u32 = fc.integer({ min: 0, max: 0xffffffff });

  test("holds a number in the byte order that is asked for", () => {
    fc.assert(
      fc.property(u16, u32, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (short, long, huge) => {
        const writer = new BodyWriter()
          .u8(1, short & 0xff)
          .u16(2, short)
          .u16be(3, short);
        const body = new Attributes(writer.u32(4, long).u32be(5, long).u64be(6, huge).finish());
        expect(body.u8(1)).toBe(short & 0xff);
        expect([body.u16(2), Buffer.from(body.bytes(2) ?? []).readUInt16LE()]).toEqual([short, short]);
        expect(Buffer.from(body.bytes(3) ?? []).readUInt16BE()).toBe(short);
        expect([body.u32(4), Buffer.from(body.bytes(4) ?? []).readUInt32LE()]).toEqual([long, long]);
        expect(body.i32(4)).toBe(long | 0);
        expect([body.u32be(5), Buffer.from(body.bytes(5) ?? []).readUInt32BE()]).toEqual([long, long]);
        expect([body.u64be(6), Buffer.from(body.bytes(6) ?? []).readBigUInt64BE()]).toEqual([huge, huge]);
      }),
    );
  });

  test("that is too short for the number has none", () => {
    const body = new Attributes(
      new BodyWriter().bytes(1, new Uint8Array(0)).bytes(2, new Uint8Array(3)).finish(),
    );
    expect([body.u8(1), body.u32(2), body.i32(2), body.u32be(2), body.u64be(2)]).toEqual(
      Array(5).fill(undefined),
    );
    expect(body.u16(2)).toBe(0);
  });

  test("holds text, which ends at its NUL", () => {
    const words = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(words, (text) => {
        const body = new BodyWriter().text(1, text).bytes(2, new TextEncoder().encode(text)).finish();
        const attributes = new Attributes(body);
        expect([attributes.text(1), attributes.text(2)]).toEqual([text, text]);
        expect(attributes.bytes(1)?.at(-1)).toBe(0);
      }),
    );
  });

  test("is found by its type, whatever flags the type carries", () => {
    const [nested, networkOrder] = [0x8000, 0x4000];
    for (const flags of [0, nested, networkOrder, nested | networkOrder]) {
      const body = new BodyWriter().u8(5 | flags, 7).finish();
      expect(new Attributes(body).u8(5), String(flags)).toBe(7);
      expect(readAttributes(body)).toEqual([{ type: 5, value: new Uint8Array([7]) }]);
    }
    const deep = new BodyWriter().nested(1, (one) => one.nested(2, (two) => two.u32(3, 9))).finish();
    expect(new Attributes(deep).nested(1).nested(2).u32(3)).toBe(9);
  });

  test("that is not there has no value, and its nested ones have none either", () => {
    const body = new Attributes(new BodyWriter().flag(1).finish());
    expect([body.has(1), body.has(2), body.bytes(2), body.text(2), body.u8(2)]).toEqual([
      true,
      false,
      undefined,
      undefined,
      undefined,
    ]);
    expect(body.nested(2).nested(3).u32(4)).toBeUndefined();
    expect(new Attributes(undefined).has(0)).toBe(false);
  });

  test("that repeats counts with its last value, and is listed with all", () => {
    const body = new BodyWriter().u8(1, 1).u8(1, 2).finish();
    expect(new Attributes(body).u8(1)).toBe(2);
    expect(readAttributes(body).map(({ value }) => value[0])).toEqual([1, 2]);
  });
});

describe("messages", () => {
  test("come back from one datagram, numbered one after the other", () => {
    fc.assert(
      fc.property(fc.array(messages), fc.integer({ min: 0, max: 1e6 }), (sent, first) => {
        const received = decodeMessages(encodeMessages(sent, first));
        const expected = sent.map(({ type, flags, body }, index) => ({
          type,
          flags,
          body,
          sequence: first + index,
        }));
        expect(received).toEqual(expected);
      }),
    );
  });

  test("are the bytes that the package netlink makes of them", () => {
    fc.assert(
      fc.property(fc.array(messages), (sent) => {
        const theirs = sent.map(({ type, flags, body }, index) =>
          padded(Buffer.concat(witness.formatMessage({ type, flags, seq: 5 + index, port: 0, data: body }))),
        );
        expect(Buffer.from(encodeMessages(sent, 5)).equals(Buffer.concat(theirs))).toBe(true);
      }),
    );
  });
});
