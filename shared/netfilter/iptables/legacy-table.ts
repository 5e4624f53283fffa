/**
 * The rules of legacy iptables, as the kernel hands them out by getsockopt(2): one block of entries, each with its
 * matches and its target. Layout: include/uapi/linux/netfilter/x_tables.h, netfilter_ipv4/ip_tables.h and
 * netfilter_ipv6/ip6_tables.h. Pure.
 */

import type { Family } from "../../ip/address.ts";
import { decodeText } from "../../system/text.ts";

/** Offsets in struct ipt_entry and struct ip6t_entry. */
const layouts = {
  4: { targetOffset: 88, nextOffset: 90, cameFrom: 92, size: 112 },
  6: { targetOffset: 140, nextOffset: 142, cameFrom: 144, size: 168 },
} as const;

/** struct xt_entry_match and xt_entry_target: size (16 bits), name (29 bytes), revision, then its own data. */
const NAME = 2;
const NAME_LENGTH = 29;
const DATA = 32;

export interface LegacyRule {
  readonly chain: string;
  /** Empty if it has none. */
  readonly comment: string;
  /** The chain it jumps to. */
  readonly jump?: string;
  /** What it says, as bytes to compare and to search: without its counters, and without where its jump lands. */
  readonly body: Uint8Array;
}

function textAt(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return decodeText(end < 0 ? field : field.subarray(0, end));
}

interface Entry {
  readonly at: number;
  readonly target: number;
  readonly next: number;
}

/** The entries in order; one that does not hold together ends the list. */
function* entriesOf(view: DataView, family: Family): Generator<Entry> {
  const { targetOffset, nextOffset, size } = layouts[family];
  for (let at = 0; at + size <= view.byteLength; ) {
    const target = at + view.getUint16(at + targetOffset, true);
    const next = at + view.getUint16(at + nextOffset, true);
    if (target < at + size || next < target + DATA + 4 || next > view.byteLength) return;
    yield { at, target, next };
    at = next;
  }
}

/** A user chain begins with an entry whose target is named ERROR and holds the chain's name. */
function chainStarts(bytes: Uint8Array, entries: readonly Entry[]): Map<number, string> {
  const starts = new Map<number, string>();
  for (const { target, next } of entries) {
    if (textAt(bytes, target + NAME, NAME_LENGTH) === "ERROR")
      starts.set(next, textAt(bytes, target + DATA, 30));
  }
  return starts;
}

function readComment(bytes: Uint8Array, view: DataView, from: number, to: number): string {
  for (let at = from; at + DATA <= to; ) {
    const size = view.getUint16(at, true);
    if (size === 0) return "";
    if (textAt(bytes, at + NAME, NAME_LENGTH) === "comment") return textAt(bytes, at + DATA, 256);
    at += size;
  }
  return "";
}

/** The entry without what changes while its rule stays the same. */
function bodyOf(bytes: Uint8Array, { at, target, next }: Entry, family: Family, jumps: boolean): Uint8Array {
  const body = bytes.slice(at, next);
  const { cameFrom, size } = layouts[family];
  body.fill(0, cameFrom, size);
  if (jumps) body.fill(0, target - at + DATA, target - at + DATA + 4);
  return body;
}

/** Where the built-in chains begin: offset to name. */
export type BuiltInChains = ReadonlyMap<number, string>;

/** Every rule of a table, chain by chain. Each chain ends with one that holds its policy, so none is without. */
export function readLegacyRules(bytes: Uint8Array, family: Family, builtIn: BuiltInChains): LegacyRule[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries = [...entriesOf(view, family)];
  const starts = new Map([...chainStarts(bytes, entries), ...builtIn]);
  const rules: LegacyRule[] = [];
  let chain = "";
  for (const entry of entries) {
    const { at, target } = entry;
    chain = starts.get(at) ?? chain;
    const name = textAt(bytes, target + NAME, NAME_LENGTH);
    if (name === "ERROR") continue;
    // The standard target has no name: a verdict below zero, or the offset of the chain to go to.
    const jump = name === "" ? starts.get(view.getInt32(target + DATA, true)) : undefined;
    rules.push({
      chain,
      comment: readComment(bytes, view, at + layouts[family].size, target),
      ...(jump === undefined ? {} : { jump }),
      body: bodyOf(bytes, entry, family, jump !== undefined),
    });
  }
  return rules;
}
