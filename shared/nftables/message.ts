/**
 * nf_tables objects as messages: tables, chains and rules. include/uapi/linux/netfilter/nf_tables.h.
 * Pure bytes; changes are sent by commit() in transaction.ts, questions by NetlinkConnection.
 */
import { Attributes } from "../netlink/attributes.ts";
import { BodyWriter } from "../netlink/body-writer.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { nfnetlinkHeader, nfnetlinkMessage, Subsystem } from "../netlink/netfilter.ts";
import type { Expression } from "./expression.ts";
import {
  COMMENT,
  commentIn,
  decodeUserData,
  encodeUserData,
  RULES_VERSION,
  SIGNATURE,
  textDatum,
} from "./user-data.ts";

const Command = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
} as const;

export interface Table {
  readonly family: number;
  readonly name: string;
}

/** Where a base chain sees packets. */
export interface Hook {
  /** "filter" or "nat". */
  readonly type: string;
  /** enum nf_inet_hooks, or nf_bridge_hooks: 0 prerouting to 4 postrouting in both. */
  readonly number: number;
  readonly priority: number;
  /** The policy is left to the kernel: accept for a new chain, and as it is for another. */
  readonly isPolicyKept?: boolean;
}

export interface Rule {
  readonly expressions: readonly Expression[];
  readonly comment: string;
}

/** A rule as the kernel has it. */
export interface KernelRule {
  readonly chain: string;
  readonly handle: bigint;
  readonly comment: string;
  /** Whether this version of podwire wrote it: then its comment says what it does. */
  readonly isSigned: boolean;
  /** The whole message, to search for what each tool writes into its rules in its own way. */
  readonly body: Uint8Array;
}

/** A message about something in a table. */
export function tableMessage(
  command: number,
  flags: number,
  table: Table,
  write: (writer: BodyWriter) => void,
  purpose: string,
): NetlinkMessage {
  const NAME_OF_TABLE = 1;
  const writer = new BodyWriter().raw(nfnetlinkHeader(table.family)).text(NAME_OF_TABLE, table.name);
  write(writer);
  const body = writer.finish();
  return nfnetlinkMessage(Subsystem.nftables, command, Flag.request | flags, body, purpose);
}

/** The comment as user data. */
function writeComment(writer: BodyWriter, type: number, comment: string): void {
  writer.bytes(type, encodeUserData([textDatum(COMMENT, comment)]));
}

/** Makes the table unless it exists; the comment is that of a new one. */
export function newTable(table: Table, comment?: string): NetlinkMessage {
  const NFTA_TABLE_USERDATA = 6;
  const write = (writer: BodyWriter) => {
    if (comment !== undefined) writeComment(writer, NFTA_TABLE_USERDATA, comment);
  };
  return tableMessage(Command.newTable, Flag.create, table, write, `make the table ${table.name}`);
}

/** Removes a table with all that is in it; ENOENT if it does not exist. */
export function deleteTable(table: Table): NetlinkMessage {
  return tableMessage(Command.deleteTable, 0, table, () => {}, `remove the table ${table.name}`);
}

/** Asks whether a table exists: ENOENT if it does not. */
export function getTable(table: Table): NetlinkMessage {
  return tableMessage(Command.getTable, Flag.ack, table, () => {}, `look for the table ${table.name}`);
}

const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;

/** Makes the chain unless it exists; with a hook, a base chain that lets pass what no rule decides. */
export function newChain(table: Table, chain: string, hook?: Hook): NetlinkMessage {
  const NFTA_CHAIN_POLICY = 5;
  const NF_ACCEPT = 1;
  const write = (writer: BodyWriter) => {
    writer.text(NFTA_CHAIN_NAME, chain);
    if (hook === undefined) return;
    writer.nested(NFTA_CHAIN_HOOK, (inner) => inner.u32be(1, hook.number).u32be(2, hook.priority));
    if (hook.isPolicyKept !== true) writer.u32be(NFTA_CHAIN_POLICY, NF_ACCEPT);
    writer.text(NFTA_CHAIN_TYPE, hook.type);
  };
  return tableMessage(Command.newChain, Flag.create, table, write, `make the chain ${chain}`);
}

/** Removes an empty chain that no rule jumps to. */
export function deleteChain(table: Table, chain: string): NetlinkMessage {
  const write = (writer: BodyWriter) => writer.text(NFTA_CHAIN_NAME, chain);
  return tableMessage(Command.deleteChain, 0, table, write, `remove the chain ${chain}`);
}

/** Asks whether a chain exists: ENOENT if it, or its table, does not. */
export function getChain(table: Table, chain: string): NetlinkMessage {
  const write = (writer: BodyWriter) => writer.text(NFTA_CHAIN_NAME, chain);
  return tableMessage(Command.getChain, Flag.ack, table, write, `look for the chain ${chain}`);
}

export const listChains = (table: Table): NetlinkMessage =>
  tableMessage(Command.getChain, 0, table, () => {}, `list the chains of the table ${table.name}`);

/** The chains of the table, with the number of their rules and of the jumps to them. */
export function readUses(bodies: readonly Uint8Array[], table: Table): [chain: string, uses: number][] {
  const NFTA_CHAIN_TABLE = 1;
  const NFTA_CHAIN_USE = 6;
  return bodies.flatMap((body) => {
    const attributes = new Attributes(body, 4);
    // The kernel lists the chains of all tables of the family.
    if (attributes.text(NFTA_CHAIN_TABLE) !== table.name) return [];
    return [[attributes.text(NFTA_CHAIN_NAME) ?? "", attributes.u32be(NFTA_CHAIN_USE) ?? 0]];
  });
}

const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_USERDATA = 7;

/** Appends a rule to a chain, or puts it before all others. */
export function newRule(table: Table, chain: string, rule: Rule, isFirst = false): NetlinkMessage {
  const NFTA_LIST_ELEM = 1;
  const write = (writer: BodyWriter) => {
    writer.text(NFTA_RULE_CHAIN, chain).nested(NFTA_RULE_EXPRESSIONS, (list) => {
      for (const { name, write } of rule.expressions) {
        list.nested(NFTA_LIST_ELEM, (element) => element.text(1, name).nested(2, write));
      }
    });
    const signature = { type: SIGNATURE, value: new Uint8Array([RULES_VERSION]) };
    writer.bytes(NFTA_RULE_USERDATA, encodeUserData([textDatum(COMMENT, rule.comment), signature]));
  };
  const purpose = `add a rule to the chain ${chain}`;
  const flags = isFirst ? Flag.create : Flag.create | Flag.append;
  return tableMessage(Command.newRule, flags, table, write, purpose);
}

export function deleteRule(table: Table, chain: string, handle: bigint): NetlinkMessage {
  const write = (writer: BodyWriter) => writer.text(NFTA_RULE_CHAIN, chain).u64be(NFTA_RULE_HANDLE, handle);
  return tableMessage(Command.deleteRule, 0, table, write, `remove a rule of the chain ${chain}`);
}

/** Removes all rules of a chain. */
export function flushChain(table: Table, chain: string): NetlinkMessage {
  const write = (writer: BodyWriter) => writer.text(NFTA_RULE_CHAIN, chain);
  return tableMessage(Command.deleteRule, 0, table, write, `empty the chain ${chain}`);
}

/** For NetlinkConnection.dump: the rules of one chain, or of all, in order; none if the chain does not exist. */
export function listRules(table: Table, chain?: string): NetlinkMessage {
  const write = (writer: BodyWriter) => {
    if (chain !== undefined) writer.text(NFTA_RULE_CHAIN, chain);
  };
  const where = chain === undefined ? `table ${table.name}` : `chain ${chain}`;
  return tableMessage(Command.getRule, 0, table, write, `list the rules of the ${where}`);
}

/** The rules in the answers to listRules. */
export function readRules(bodies: readonly Uint8Array[]): KernelRule[] {
  return bodies.map((body) => {
    const attributes = new Attributes(body, 4);
    const userData = decodeUserData(attributes.bytes(NFTA_RULE_USERDATA));
    return {
      chain: attributes.text(NFTA_RULE_CHAIN) ?? "",
      handle: attributes.u64be(NFTA_RULE_HANDLE) ?? 0n,
      comment: commentIn(userData),
      isSigned: userData.get(SIGNATURE)?.[0] === RULES_VERSION,
      body,
    };
  });
}
