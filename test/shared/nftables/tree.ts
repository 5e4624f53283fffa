/** Netlink attributes as a tree that can be compared: in order of type, whatever order a tool writes them in. */
import { readAttributes } from "../../../shared/netlink/attributes.ts";

export type Tree = (readonly [number, string | Tree])[];

const NLA_F_NESTED = 0x8000;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/**
 * `ignored`: what is left out, by the path of its type, such as "7.9" for type 9 inside type 7; with a value behind
 * a space only where it has that value.
 */
export const attributeTree = (bytes: Uint8Array, ignored: readonly string[] = [], path = ""): Tree => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return readAttributes(bytes)
    .map(({ type, value }) => {
      const inner = `${path}${type}`;
      // The attribute's own header stands before its value; its upper bit says whether it is a list.
      const isNested = (view.getUint16(value.byteOffset - bytes.byteOffset - 2, true) & NLA_F_NESTED) !== 0;
      return { type, inner, value: isNested ? attributeTree(value, ignored, `${inner}.`) : hex(value) };
    })
    .filter(({ inner, value }) => !ignored.includes(inner) && !ignored.includes(`${inner} ${value}`))
    .sort((a, b) => a.type - b.type)
    .map(({ type, value }) => [type, value] as const);
};

export interface Recorded {
  readonly type: number;
  readonly flags: number;
  /** struct nfgenmsg. */
  readonly header: string;
  readonly attributes: Uint8Array;
}

/** Splits recorded bytes into netlink messages. */
export const recordedMessages = (digits: string): Recorded[] => {
  const bytes = new Uint8Array(Buffer.from(digits, "hex"));
  const view = new DataView(bytes.buffer);
  const messages: Recorded[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + view.getUint32(at, true);
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      header: hex(bytes.subarray(at + 16, at + 20)),
      attributes: bytes.subarray(at + 20, end),
    });
    at = (end + 3) & ~3;
  }
  return messages;
};
