/** Random netlink messages. */
import fc from "fast-check";
import type { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";

const types = fc.integer({ min: 0, max: 0x3fff });
export const payloads = fc.uint8Array({ maxLength: 70 });

/** Attributes; a value that is a list is nested. */
export type Tree = readonly { readonly type: number; readonly value: Uint8Array | Tree }[];

export const { tree: trees } = fc.letrec<{ tree: Tree; value: Uint8Array | Tree }>((tie) => ({
  tree: fc.array(fc.record({ type: types, value: tie("value") }), { maxLength: 6 }),
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, payloads, tie("tree")),
}));

export const write = (writer: BodyWriter, tree: Tree): BodyWriter => {
  for (const { type, value } of tree) {
    if (value instanceof Uint8Array) writer.bytes(type, value);
    else writer.nested(type, (inner) => write(inner, value));
  }
  return writer;
};

export const messages: fc.Arbitrary<NetlinkMessage> = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  body: payloads,
  purpose: fc.constant(""),
});
