/** The elements of nf_tables sets and maps, as messages. include/uapi/linux/netfilter/nf_tables.h. */
import { Attributes, readAttributes } from "../netlink/attributes.ts";
import type { BodyWriter } from "../netlink/body-writer.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { writeValue } from "./expression.ts";
import { type Table, tableMessage } from "./message.ts";
import { aligned } from "./set.ts";
import {
  COMMENT,
  commentIn,
  decodeUserData,
  encodeUserData,
  textDatum,
  type UserDatum,
} from "./user-data.ts";

const Command = { newElement: 12, getElement: 13, deleteElement: 14 } as const;

/** The fields of a key and, mostly, the owner's name; `extra` is kept beside the comment, for this project's own use. */
export interface Element {
  readonly key: readonly Uint8Array[];
  /** In a map: the fields of its value. */
  readonly value?: readonly Uint8Array[];
  readonly comment?: string;
  readonly extra?: readonly UserDatum[];
}

/** An element as the kernel has it. */
export interface KernelElement {
  readonly key: Uint8Array;
  /** Of a map's element; empty in a set. */
  readonly value: Uint8Array;
  readonly comment: string;
  readonly userData: ReadonlyMap<number, Uint8Array>;
}

/** The fields side by side, as the kernel has them in its registers. */
export function joinFields(fields: readonly Uint8Array[]): Uint8Array {
  if (fields.length === 1 && fields[0] !== undefined) return fields[0];
  const joined = new Uint8Array(fields.reduce((sum, field) => sum + aligned(field.length), 0));
  let at = 0;
  for (const field of fields) {
    joined.set(field, at);
    at += aligned(field.length);
  }
  return joined;
}

const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_DATA_VALUE = 1;
const NFTA_LIST_ELEM = 1;

/**
 * So many elements are below the 64 KiB that an attribute can have, with keys and values of up to 64 bytes, and user data
 * of up to 256: struct nlattr, NFT_DATA_VALUE_MAXLEN and NFT_USERDATA_MAXLEN.
 */
const MOST_IN_MESSAGE = 150;

function inParts<Item>(
  items: readonly Item[],
  message: (part: readonly Item[]) => NetlinkMessage,
): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let start = 0; start < items.length; start += MOST_IN_MESSAGE) {
    messages.push(message(items.slice(start, start + MOST_IN_MESSAGE)));
  }
  return messages;
}

function elementMessage(
  command: number,
  flags: number,
  table: Table,
  set: string,
  elements: readonly Partial<Element>[],
  purpose: string,
): NetlinkMessage {
  const write = (writer: BodyWriter) => {
    writer.text(NFTA_SET_ELEM_LIST_SET, set);
    if (elements.length === 0) return;
    writer.nested(NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
      for (const element of elements) list.nested(NFTA_LIST_ELEM, (inner) => writeElement(inner, element));
    });
  };
  return tableMessage(command, flags, table, write, purpose);
}

function writeElement(writer: BodyWriter, { key = [], value, comment, extra = [] }: Partial<Element>): void {
  writeValue(writer, NFTA_SET_ELEM_KEY, joinFields(key));
  if (value !== undefined) writeValue(writer, NFTA_SET_ELEM_DATA, joinFields(value));
  if (comment === undefined) return;
  writer.bytes(NFTA_SET_ELEM_USERDATA, encodeUserData([textDatum(COMMENT, comment), ...extra]));
}

/** Adds elements. One whose key is there already keeps its comment; with `isNew` it is refused with EEXIST. */
export function newElements(
  table: Table,
  set: string,
  elements: readonly Element[],
  isNew = false,
): NetlinkMessage[] {
  const flags = isNew ? Flag.create | Flag.exclusive : Flag.create;
  return inParts(elements, (part) =>
    elementMessage(Command.newElement, flags, table, set, part, `add to the set ${set}`),
  );
}

/** Removes elements by key; a missing one is ENOENT, and fails the whole batch. */
export function deleteElements(
  table: Table,
  set: string,
  keys: readonly (readonly Uint8Array[])[],
): NetlinkMessage[] {
  return inParts(keys, (part) => {
    const elements = part.map((key) => ({ key }));
    return elementMessage(Command.deleteElement, 0, table, set, elements, `remove from the set ${set}`);
  });
}

/** The same by keys as the kernel has them. */
export function deleteKeys(table: Table, set: string, keys: readonly Uint8Array[]): NetlinkMessage[] {
  return deleteElements(
    table,
    set,
    keys.map((key) => [key]),
  );
}

/** Asks for one element: ENOENT if it, its set or its table is not there. */
export function getElement(table: Table, set: string, key: readonly Uint8Array[]): NetlinkMessage {
  return elementMessage(Command.getElement, Flag.ack, table, set, [{ key }], `look into the set ${set}`);
}

/** For NetlinkConnection.dump: all elements. */
export function listElements(table: Table, set: string): NetlinkMessage {
  return elementMessage(Command.getElement, 0, table, set, [], `list the set ${set}`);
}

/** The elements in the answers to getElement and listElements. */
export function readElements(bodies: readonly Uint8Array[]): KernelElement[] {
  return bodies.flatMap((body) => {
    const list = new Attributes(body, 4).bytes(NFTA_SET_ELEM_LIST_ELEMENTS);
    return (list === undefined ? [] : readAttributes(list)).map(({ value }) => {
      const attributes = new Attributes(value);
      const userData = decodeUserData(attributes.bytes(NFTA_SET_ELEM_USERDATA));
      return {
        value: attributes.nested(NFTA_SET_ELEM_DATA).bytes(NFTA_DATA_VALUE) ?? new Uint8Array(0),
        key: attributes.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE) ?? new Uint8Array(0),
        comment: commentIn(userData),
        userData,
      };
    });
  });
}
