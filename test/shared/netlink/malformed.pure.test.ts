import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Attributes, readAttributes } from "../../../shared/netlink/attributes.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import { decodeMessages, encodeMessages } from "../../../shared/netlink/message.ts";
import { messages, trees, write } from "./arbitraries.ts";

/** Bytes that are often nearly right: real messages with bytes changed, cut off or put in. */
const spoiled: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.array(messages, { maxLength: 4 }),
    trees,
    fc.array(fc.tuple(fc.nat(400), fc.nat(255))),
    fc.nat(400),
  )
  .map(([sent, tree, changes, cut]) => {
    const body = write(new BodyWriter(), tree).finish();
    const bytes = encodeMessages([...sent, { type: 1, flags: 0, body, purpose: "" }], 1);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes.subarray(0, Math.max(0, bytes.length - cut));
  });

const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }), spoiled);

describe("malformed input", () => {
  test("is read as far as it makes sense, and never beyond its end", () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const found = decodeMessages(bytes);
        const used = found.reduce((sum, { body }) => sum + 16 + body.length, 0);
        expect(used).toBeLessThanOrEqual(bytes.length);
        for (const { body } of found) {
          const listed = readAttributes(body);
          expect(listed.reduce((sum, { value }) => sum + 4 + value.length, 0)).toBeLessThanOrEqual(
            body.length,
          );
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("has the same attributes in a list and by type", () => {
    fc.assert(
      fc.property(anything, fc.nat(24), (bytes, offset) => {
        const asked = new Attributes(bytes, offset);
        const listed = new Map(readAttributes(bytes, offset).map(({ type, value }) => [type, value]));
        for (const [type, value] of listed) {
          expect(asked.bytes(type)).toEqual(value);
          for (const numbers of [asked.u8(type), asked.u16(type), asked.u32(type), asked.i32(type)]) {
            expect(numbers ?? 0).toBeTypeOf("number");
          }
          expect(asked.text(type)).toBeTypeOf("string");
          expect(asked.nested(type).has(type)).toBeTypeOf("boolean");
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("that is a sound datagram cut short gives the messages in front of the cut", () => {
    fc.assert(
      fc.property(fc.array(messages), fc.nat(), (sent, cut) => {
        const bytes = encodeMessages(sent, 1);
        const all = decodeMessages(bytes);
        const some = decodeMessages(bytes.subarray(0, cut % (bytes.length + 1)));
        expect(all.slice(0, some.length)).toEqual(some);
      }),
    );
  });

  test.each([0, 1, 3])(
    "with an attribute that says it is %d bytes long does not go round in circles",
    (length) => {
      const body = new Uint8Array([length, 0, 1, 0, 9, 9, 9, 9]);
      expect(readAttributes(body)).toEqual([]);
      expect(new Attributes(body).has(1)).toBe(false);
    },
  );

  test.each([0, 15])("with a message that says it is %d bytes long does not either", (length) => {
    const bytes = new Uint8Array(32);
    bytes[0] = length;
    expect(decodeMessages(bytes)).toEqual([]);
  });
});
