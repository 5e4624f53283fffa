/** nf_tables sets and maps, and their elements, as messages. include/uapi/linux/netfilter/nf_tables.h. */
import { Attributes, readAttributes } from "../../netlink/attributes.ts";
import type { BodyWriter } from "../../netlink/body-writer.ts";
import { Flag, type NetlinkMessage } from "../../netlink/message.ts";
import { type Table, tableMessage } from "./message.ts";
import {
  COMMENT,
  decodeUserData,
  encodeUserData,
  readComment,
  SET_COMMENT,
  SET_KEY_ORDER,
  textDatum,
  type UserDatum,
} from "./user-data.ts";

const Command = { newSet: 9, newElement: 12, getElement: 13, deleteElement: 14 } as const;

/** A type of key or value: nft's number for it, so that it lists values readably, and its bytes. */
export interface DataType {
  readonly number: number;
  readonly length: number;
  /** Whether nft has to be told that its bytes are in the order of this machine, and not of the network. */
  readonly isHostOrder?: boolean;
}

/** nft's own numbers (its include/datatype.h); the kernel only hands them back. */
export const dataTypes = {
  ipv4Address: { number: 7, length: 4 },
  ipv6Address: { number: 8, length: 16 },
  etherAddress: { number: 9, length: 6 },
  transportProtocol: { number: 12, length: 1 },
  port: { number: 13, length: 2 },
  interfaceName: { number: 41, length: 16, isHostOrder: true },
} as const satisfies Record<string, DataType>;

export interface SetSpecification {
  readonly name: string;
  /** Several: a concatenation. */
  readonly key: readonly DataType[];
  readonly comment: string;
}

/** The fields of a key and the owner's name; `extra` is kept beside the comment, for this project's own use. */
export interface Element {
  readonly key: readonly Uint8Array[];
  readonly comment: string;
  readonly extra?: readonly UserDatum[];
}

/** An element as the kernel has it. */
export interface HeldElement {
  readonly key: Uint8Array;
  readonly comment: string;
  readonly userData: ReadonlyMap<number, Uint8Array>;
}

const aligned = (length: number) => (length + 3) & ~3;

/** A concatenation's number: its types' numbers, six bits each. */
function combine(types: readonly DataType[]): DataType {
  const BITS = 6;
  return {
    number: types.reduce((number, type) => (number << BITS) | type.number, 0),
    // A single key has its own length; in a concatenation each field fills up whole registers.
    length:
      types.length === 1
        ? (types[0]?.length ?? 0)
        : types.reduce((sum, type) => sum + aligned(type.length), 0),
  };
}

function joinKey(fields: readonly Uint8Array[]): Uint8Array {
  if (fields.length === 1 && fields[0] !== undefined) return fields[0];
  const key = new Uint8Array(fields.reduce((sum, field) => sum + aligned(field.length), 0));
  let at = 0;
  for (const field of fields) {
    key.set(field, at);
    at += aligned(field.length);
  }
  return key;
}

/** nft's enum byteorder, as a number of 32 bits: none for a concatenation, whose fields have their own. */
function orderOf(key: readonly DataType[]): Uint8Array {
  const order = key.length > 1 ? 0 : key[0]?.isHostOrder === true ? 1 : 2;
  return new Uint8Array([order, 0, 0, 0]);
}

/** Makes the set unless it exists. `id` tells it from the batch's other new sets. */
export function newSet(table: Table, set: SetSpecification, id: number): NetlinkMessage {
  const NFTA_SET_NAME = 2;
  const NFTA_SET_FLAGS = 3;
  const NFTA_SET_KEY_TYPE = 4;
  const NFTA_SET_KEY_LEN = 5;
  const NFTA_SET_ID = 10;
  const NFTA_SET_USERDATA = 13;
  const key = combine(set.key);
  const write = (writer: BodyWriter) => {
    writer.text(NFTA_SET_NAME, set.name).u32be(NFTA_SET_FLAGS, 0);
    writer.u32be(NFTA_SET_KEY_TYPE, key.number).u32be(NFTA_SET_KEY_LEN, key.length).u32be(NFTA_SET_ID, id);
    const userData = [{ type: SET_KEY_ORDER, value: orderOf(set.key) }, textDatum(SET_COMMENT, set.comment)];
    writer.bytes(NFTA_SET_USERDATA, encodeUserData(userData));
  };
  return tableMessage(Command.newSet, Flag.create, table, write, `make the set ${set.name}`);
}

const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_DATA_VALUE = 1;
const NFTA_LIST_ELEM = 1;

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

function writeElement(writer: BodyWriter, { key = [], comment, extra = [] }: Partial<Element>): void {
  writer.nested(NFTA_SET_ELEM_KEY, (data) => data.bytes(NFTA_DATA_VALUE, joinKey(key)));
  if (comment === undefined) return;
  writer.bytes(NFTA_SET_ELEM_USERDATA, encodeUserData([textDatum(COMMENT, comment), ...extra]));
}

/** Adds elements; one whose key is there already keeps its comment. */
export function newElements(table: Table, set: string, elements: readonly Element[]): NetlinkMessage {
  return elementMessage(Command.newElement, Flag.create, table, set, elements, `add to the set ${set}`);
}

/** Removes elements by key; a missing one is ENOENT, and fails the whole batch. */
export function deleteElements(
  table: Table,
  set: string,
  keys: readonly (readonly Uint8Array[])[],
): NetlinkMessage {
  const elements = keys.map((key) => ({ key }));
  return elementMessage(Command.deleteElement, 0, table, set, elements, `remove from the set ${set}`);
}

/**
 * Makes sure that elements are not there: to be sent in this order in one batch. A removal alone fails the batch
 * where there is nothing to remove, so they are added first.
 */
export function discardElements(table: Table, set: string, elements: readonly Element[]): NetlinkMessage[] {
  const keys = elements.map(({ key }) => key);
  return [newElements(table, set, elements), deleteElements(table, set, keys)];
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
export function readElements(bodies: readonly Uint8Array[]): HeldElement[] {
  return bodies.flatMap((body) => {
    const list = new Attributes(body, 4).bytes(NFTA_SET_ELEM_LIST_ELEMENTS);
    return (list === undefined ? [] : readAttributes(list)).map(({ value }) => {
      const attributes = new Attributes(value);
      const userData = attributes.bytes(NFTA_SET_ELEM_USERDATA);
      return {
        key: attributes.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE) ?? new Uint8Array(0),
        comment: readComment(userData),
        userData: decodeUserData(userData),
      };
    });
  });
}
