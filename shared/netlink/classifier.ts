/** Filters that choose packets by their network, and what they do with them: tc-u32(8), tc-mirred(8). Constants: pkt_cls.h, tc_mirred.h. */
import { toBytes } from "../ip/address.ts";
import { type Cidr, networkOf } from "../ip/cidr.ts";
import { Attributes, readAttributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import { filterInfo, TrafficAttribute, TrafficMessage, trafficHeader, words } from "./traffic-control.ts";

/** TCA_U32_CLASSID, _SEL, _ACT. */
const U32 = { classId: 1, selection: 5, action: 7 } as const;
/** TC_U32_TERMINAL: a packet that matches is not compared any further. */
const TERMINAL = 1;
/** TCA_ACT_KIND, TCA_ACT_OPTIONS; TCA_MIRRED_PARMS. */
const Action = { kind: 1, options: 2 } as const;
const MIRRED_PARAMETERS = 2;
/** TCA_EGRESS_REDIR, TC_ACT_STOLEN: the packet goes on as one that the other interface sends, and only there. */
const REDIRECT = 1;
const STOLEN = 4;

/** ETH_P_ALL, ETH_P_IP, ETH_P_IPV6. */
export const EtherType = { all: 0x0003, ipv4: 0x0800, ipv6: 0x86dd } as const;

/** The offsets of the addresses in the headers. */
const offsets = { source: { 4: 12, 6: 8 }, destination: { 4: 16, 6: 24 } } as const;

/** The packets of a filter: to or from a network; without one all packets. */
export interface Match {
  readonly network?: Cidr;
  readonly side: keyof typeof offsets;
}

export interface Filter {
  readonly index: number;
  readonly parent: number;
  /** Filters of a lower number are asked first; 1 to 65535. All of one priority have one EtherType. */
  readonly priority: number;
  readonly match: Match;
  /** The class for the packets; at "ingress" it means that they go on. */
  readonly classId: number;
  /** The index of the interface that sends them on instead. */
  readonly redirect?: number;
}

/** A part of a key in network order: struct tc_u32_key has mask, value, offset, offset mask. */
function keysOf({ network, side }: Match): Uint8Array[] {
  if (network === undefined) return [words(0, 0, 0, 0)];
  const { family } = network.address;
  const bytes = toBytes(networkOf(network).address);
  const keys: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const bits = Math.min(32, network.prefixLength - 8 * at);
    if (bits <= 0 && at > 0) break;
    const key = words(0, 0, offsets[side][family] + at, 0);
    const view = new DataView(key.buffer);
    view.setUint32(0, bits <= 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0, false);
    key.set(bytes.subarray(at, at + 4), 4);
    keys.push(key);
  }
  return keys;
}

/** struct tc_u32_sel and its keys. */
function selectionOf(match: Match): Uint8Array {
  const keys = keysOf(match);
  const selection = new Uint8Array(16 + 16 * keys.length);
  selection[0] = TERMINAL;
  selection[2] = keys.length;
  for (const [at, key] of keys.entries()) selection.set(key, 16 + 16 * at);
  return selection;
}

const etherTypeOf = ({ network }: Match): number =>
  network === undefined ? EtherType.all : network.address.family === 4 ? EtherType.ipv4 : EtherType.ipv6;

function addRedirect(options: BodyWriter, index: number): void {
  options.nested(U32.action, (actions) =>
    actions.nested(1, (action) =>
      action.text(Action.kind, "mirred").nested(Action.options, (parameters) => {
        // struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex.
        parameters.bytes(MIRRED_PARAMETERS, words(0, 0, STOLEN, 0, 0, REDIRECT, index));
      }),
    ),
  );
}

/** Equivalent to: tc filter add dev DEVICE parent PARENT prio PRIORITY protocol TYPE u32 match ... */
export function newFilter({ index, parent, priority, match, classId, redirect }: Filter): NetlinkMessage {
  const body = new BodyWriter()
    .raw(trafficHeader(index, 0, parent, filterInfo(priority, etherTypeOf(match))))
    .text(TrafficAttribute.kind, "u32")
    .nested(TrafficAttribute.options, (options) => {
      options.u32(U32.classId, classId).bytes(U32.selection, selectionOf(match));
      if (redirect !== undefined) addRedirect(options, redirect);
    })
    .finish();
  const flags = Flag.request | Flag.ack | Flag.create;
  return { type: TrafficMessage.newFilter, flags, body, index, purpose: "add a filter (u32, mirred) to" };
}

/** Removes all filters of a priority. Refused with ENOENT or EINVAL without any, or without the qdisc. */
export const deleteFilters = (index: number, parent: number, priority: number): NetlinkMessage => ({
  type: TrafficMessage.deleteFilter,
  flags: Flag.request | Flag.ack,
  body: new BodyWriter().raw(trafficHeader(index, 0, parent, filterInfo(priority, 0))).finish(),
  index,
  purpose: "delete the filters of",
});

/** A filter of the kernel. */
export interface KernelFilter {
  readonly classId: number;
  readonly redirect: number | undefined;
  readonly selection: Uint8Array;
}

function redirectIn(options: Attributes): number | undefined {
  const actions = options.bytes(U32.action);
  const first = actions === undefined ? undefined : readAttributes(actions)[0]?.value;
  if (first === undefined) return undefined;
  const action = new Attributes(first);
  const parameters = action.nested(Action.options).bytes(MIRRED_PARAMETERS);
  if (action.text(Action.kind) !== "mirred" || parameters === undefined || parameters.length < 28)
    return undefined;
  return new DataView(parameters.buffer, parameters.byteOffset, 28).getUint32(24, true);
}

function readFilter(body: Uint8Array): KernelFilter[] {
  const attributes = new Attributes(body, 20);
  const options = attributes.nested(TrafficAttribute.options);
  const selection = options.bytes(U32.selection);
  // The kernel lists the table of the filters, too, which selects nothing.
  if (attributes.text(TrafficAttribute.kind) !== "u32" || selection === undefined) return [];
  const classId = options.u32(U32.classId) ?? 0;
  return [{ classId, redirect: redirectIn(options), selection }];
}

function dumpFilters(connection: NetlinkConnection, index: number, parent: number): Uint8Array[] {
  const body = new BodyWriter().raw(trafficHeader(index, 0, parent)).finish();
  const purpose = "list the filters of";
  return connection.dump({ type: TrafficMessage.getFilter, flags: Flag.request, body, index, purpose });
}

/** The u32 filters of an interface at a place. Empty without a qdisc there. */
export const listFilters = (connection: NetlinkConnection, index: number, parent: number): KernelFilter[] =>
  dumpFilters(connection, index, parent).flatMap(readFilter);

/** Whether the interface has filters at a place, of whichever kind. */
export const hasFilters = (connection: NetlinkConnection, index: number, parent: number): boolean =>
  dumpFilters(connection, index, parent).length > 0;

/** Whether they do the same; their order may differ. */
export function isSameFilter(found: KernelFilter, wanted: Filter): boolean {
  const selection = selectionOf(wanted.match);
  const isSame = (at: number) => found.selection[at] === selection[at];
  // What differs in the header is offsets that such filters do not use.
  return (
    found.redirect === wanted.redirect &&
    (wanted.redirect !== undefined || found.classId === wanted.classId) &&
    found.selection.length === selection.length &&
    selection.every((_, at) => at < 16 || isSame(at))
  );
}
