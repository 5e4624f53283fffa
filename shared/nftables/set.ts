/** nf_tables sets and maps as messages; what is in them: element.ts. include/uapi/linux/netfilter/nf_tables.h. */

import { Attributes } from "../netlink/attributes.ts";
import type { BodyWriter } from "../netlink/body-writer.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { encodeText } from "../system/text.ts";
import { type Table, tableMessage } from "./message.ts";
import {
  decodeUserData,
  encodeUserData,
  SET_COMMENT,
  SET_DATA_ORDER,
  SET_KEY_ORDER,
  textDatum,
  type UserDatum,
} from "./user-data.ts";

const Command = { newSet: 9, getSet: 10, deleteSet: 11 } as const;

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

/** An interface name as a key: 16 bytes, filled up with NUL. */
export function interfaceKey(name: string): Uint8Array {
  const key = new Uint8Array(dataTypes.interfaceName.length);
  key.set(encodeText(name).subarray(0, key.length - 1));
  return key;
}

export interface SetSpecification {
  readonly name: string;
  /** Several: a concatenation. */
  readonly key: readonly DataType[];
  /** What a map gives for a key; absent: a set. */
  readonly value?: readonly DataType[];
  readonly comment: string;
  /** Kept beside the comment. nft skips its numbers, and drops them from a set that it loads from a file. */
  readonly extra?: readonly UserDatum[];
}

/** Fields of a concatenation begin on whole registers. */
export const aligned = (length: number) => (length + 3) & ~3;

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

/** nft's enum byteorder, as a number of 32 bits: none for a concatenation, whose fields have their own. */
function orderOf(key: readonly DataType[]): Uint8Array {
  const order = key.length > 1 ? 0 : key[0]?.isHostOrder === true ? 1 : 2;
  return new Uint8Array([order, 0, 0, 0]);
}

const NFTA_SET_NAME = 2;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_USERDATA = 13;

/** Makes the set unless it exists. `id` is unique among the batch's new sets. */
export function newSet(table: Table, set: SetSpecification, id: number): NetlinkMessage {
  const NFTA_SET_FLAGS = 3;
  const NFTA_SET_KEY_LEN = 5;
  const NFTA_SET_DATA_TYPE = 6;
  const NFTA_SET_DATA_LEN = 7;
  const NFTA_SET_ID = 10;
  const NFT_SET_MAP = 8;
  const key = combine(set.key);
  const userData: UserDatum[] = [{ type: SET_KEY_ORDER, value: orderOf(set.key) }];
  const write = (writer: BodyWriter) => {
    writer.text(NFTA_SET_NAME, set.name).u32be(NFTA_SET_FLAGS, set.value === undefined ? 0 : NFT_SET_MAP);
    writer.u32be(NFTA_SET_KEY_TYPE, key.number).u32be(NFTA_SET_KEY_LEN, key.length).u32be(NFTA_SET_ID, id);
    if (set.value !== undefined) {
      const value = combine(set.value);
      writer.u32be(NFTA_SET_DATA_TYPE, value.number).u32be(NFTA_SET_DATA_LEN, value.length);
      userData.push({ type: SET_DATA_ORDER, value: orderOf(set.value) });
    }
    userData.push(textDatum(SET_COMMENT, set.comment), ...(set.extra ?? []));
    writer.bytes(NFTA_SET_USERDATA, encodeUserData(userData));
  };
  return tableMessage(Command.newSet, Flag.create, table, write, `make the set ${set.name}`);
}

/** Removes a set with all its elements; refused while a rule looks into it. */
export function deleteSet(table: Table, set: string): NetlinkMessage {
  const write = (writer: BodyWriter) => writer.text(NFTA_SET_NAME, set);
  return tableMessage(Command.deleteSet, 0, table, write, `remove the set ${set}`);
}

/** For NetlinkConnection.dump: the sets and maps of a table. */
export function listSets(table: Table): NetlinkMessage {
  return tableMessage(Command.getSet, 0, table, () => {}, `list the sets of the table ${table.name}`);
}

/** A set as the kernel has it. */
export interface KernelSet {
  readonly name: string;
  readonly userData: ReadonlyMap<number, Uint8Array>;
}

/** The sets in the answers to listSets. */
export function readSets(bodies: readonly Uint8Array[]): KernelSet[] {
  return bodies.map((body) => {
    const attributes = new Attributes(body, 4);
    return {
      name: attributes.text(NFTA_SET_NAME) ?? "",
      userData: decodeUserData(attributes.bytes(NFTA_SET_USERDATA)),
    };
  });
}
