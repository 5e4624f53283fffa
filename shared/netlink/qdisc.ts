/** Queueing disciplines that limit a rate: tc-tbf(8), tc-htb(8). Constants: include/uapi/linux/pkt_sched.h. */
import { Errno } from "../system/errno.ts";
import type { Answer } from "./answer.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import {
  INGRESS_HANDLE,
  TrafficAttribute,
  TrafficMessage,
  TrafficParent,
  trafficHeader,
  words,
} from "./traffic-control.ts";

/** TCA_TBF_PARMS, _RATE64. */
const Tbf = { parameters: 1, rate64: 4 } as const;
/** TCA_HTB_PARMS, _INIT, _DIRECT_QLEN, _RATE64, _CEIL64. */
const Htb = { parameters: 1, init: 2, directLength: 5, rate64: 6, ceil64: 7 } as const;
/** The upper half of HTB_VER. */
const HTB_VERSION = 3;
/** How many packets may wait that no class limits: the queue length of most interfaces. */
const DIRECT_LENGTH = 1000;
/** The bytes that a class may send in one turn; the only class has no others to wait for. */
const QUANTUM = 60_000;

const LARGEST = 0xffffffff;

/** The handle of a limiting qdisc, 1:0, and of the one class that it may have, 1:1. */
export const LIMITING_HANDLE = 0x00010000;
export const LIMITED_CLASS = 0x00010001;
/** The handle of the queue below that class. */
const QUEUE_HANDLE = 0x00020000;

/** A token bucket as the kernel has it. */
export interface TokenBucket {
  /** Bytes a second. */
  readonly rate: number;
  /** The time that the whole bucket lasts at this rate, in ticks of 64 ns. */
  readonly buffer: number;
  /** The bytes that may wait. */
  readonly limit: number;
}

/** struct tc_ratespec: the rate is its last member. Larger ones have an attribute of their own. */
const rateSpec = (rate: number): readonly number[] => [0, 0, Math.min(rate, LARGEST)];

function addRate64(options: BodyWriter, type: number, rate: number): void {
  if (rate <= LARGEST) return;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(rate), true);
  options.bytes(type, new Uint8Array(view.buffer));
}

interface Place {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
}

function newObject(
  type: number,
  { index, handle, parent }: Place,
  kind: string,
  fill?: (options: BodyWriter) => void,
): NetlinkMessage {
  const body = new BodyWriter().raw(trafficHeader(index, handle, parent)).text(TrafficAttribute.kind, kind);
  if (fill !== undefined) body.nested(TrafficAttribute.options, fill);
  const flags = Flag.request | Flag.ack | Flag.create | Flag.exclusive;
  const what = type === TrafficMessage.newQdisc ? "qdisc" : "class of the qdisc";
  return { type, flags, body: body.finish(), index, purpose: `add the ${what} ${kind} to` };
}

/** Equivalent to: tc qdisc add dev DEVICE root handle 1: tbf rate RATE burst BURST limit LIMIT. */
export const newTokenBucket = (index: number, { rate, buffer, limit }: TokenBucket): NetlinkMessage =>
  newObject(
    TrafficMessage.newQdisc,
    { index, handle: LIMITING_HANDLE, parent: TrafficParent.root },
    "tbf",
    (options) => {
      // struct tc_tbf_qopt: rate, peak rate, limit, buffer, mtu.
      options.bytes(Tbf.parameters, words(...rateSpec(rate), 0, 0, 0, limit, buffer, 0));
      addRate64(options, Tbf.rate64, rate);
    },
  );

/**
 * A class 1:1 with this bucket, below the root qdisc htb, which filters choose packets for. `isDefault`: packets that no filter knows
 * are limited, too. Otherwise they pass at once.
 */
export function newLimitedClass(
  index: number,
  { rate, buffer, limit }: TokenBucket,
  isDefault: boolean,
): NetlinkMessage[] {
  const root = { index, handle: LIMITING_HANDLE, parent: TrafficParent.root };
  const own = { index, handle: LIMITED_CLASS, parent: LIMITING_HANDLE };
  const queue = { index, handle: QUEUE_HANDLE, parent: LIMITED_CLASS };
  return [
    newObject(TrafficMessage.newQdisc, root, "htb", (options) => {
      // struct tc_htb_glob: version, rate2quantum, the default class, debug, direct packets.
      options.bytes(Htb.init, words(HTB_VERSION, 10, isDefault ? LIMITED_CLASS & 0xffff : 0, 0, 0));
      options.u32(Htb.directLength, DIRECT_LENGTH);
    }),
    newObject(TrafficMessage.newClass, own, "htb", (options) => {
      // struct tc_htb_opt: rate, ceil, buffer, cbuffer, quantum, level, prio.
      const spec = rateSpec(rate);
      options.bytes(Htb.parameters, words(...spec, ...spec, buffer, buffer, QUANTUM, 0, 0));
      addRate64(options, Htb.rate64, rate);
      addRate64(options, Htb.ceil64, rate);
    }),
    // struct tc_fifo_qopt: the limit in bytes.
    {
      ...newObject(TrafficMessage.newQdisc, queue, "bfifo"),
      body: new BodyWriter()
        .raw(trafficHeader(index, QUEUE_HANDLE, LIMITED_CLASS))
        .text(TrafficAttribute.kind, "bfifo")
        .bytes(TrafficAttribute.options, words(limit))
        .finish(),
    },
  ];
}

/** Equivalent to: tc qdisc add dev DEVICE handle ffff: ingress. */
export const newIngress = (index: number): NetlinkMessage =>
  newObject(
    TrafficMessage.newQdisc,
    { index, handle: INGRESS_HANDLE, parent: TrafficParent.ingressQdisc },
    "ingress",
  );

/** Equivalent to: tc qdisc delete dev DEVICE root, or ingress. */
export const deleteQdisc = (index: number, parent: number): NetlinkMessage => ({
  type: TrafficMessage.deleteQdisc,
  flags: Flag.request | Flag.ack,
  body: new BodyWriter().raw(trafficHeader(index, 0, parent)).finish(),
  index,
  purpose: "delete the qdisc of",
});

/** A qdisc, or a class: with the bucket of tbf and of htb's classes. */
export interface Qdisc {
  readonly kind: string;
  readonly handle: number;
  readonly bucket: Omit<TokenBucket, "limit"> & { readonly limit?: number };
}

function rate64(options: Attributes, type: number): number | undefined {
  const bytes = options.bytes(type);
  if (bytes === undefined || bytes.length < 8) return undefined;
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
}

const none = { rate: 0, buffer: 0 };

function readBucket(kind: string, options: Attributes): Qdisc["bucket"] {
  const bytes = options.bytes(Tbf.parameters);
  if (bytes === undefined || bytes.length < 36 || (kind !== "tbf" && kind !== "htb")) return none;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getUint32(4 * at, true);
  const type = kind === "tbf" ? Tbf.rate64 : Htb.rate64;
  const rate = rate64(options, type) ?? word(2);
  return kind === "tbf" ? { rate, limit: word(6), buffer: word(7) } : { rate, buffer: word(6) };
}

function readQdisc(body: Uint8Array): Qdisc {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 20);
  const kind = attributes.text(TrafficAttribute.kind) ?? "";
  const bucket = readBucket(kind, attributes.nested(TrafficAttribute.options));
  return { kind, handle: view.getUint32(8, true), bucket };
}

function get(type: number, { index, handle, parent }: Place, what: string): NetlinkMessage {
  const body = new BodyWriter().raw(trafficHeader(index, handle, parent)).finish();
  // The kernel sends the object as a notification, which reaches the sender with ECHO only.
  return {
    type,
    flags: Flag.request | Flag.ack | Flag.echo,
    body,
    index,
    purpose: `look for the ${what} of`,
  };
}

/** The qdiscs of an interface that the kernel has not made by itself. */
export interface Qdiscs {
  readonly root: Qdisc | undefined;
  /** "ingress" or "clsact". */
  readonly ingress: Qdisc | undefined;
}

/** No qdisc or class is there, or no interface: older kernels say EINVAL. */
const absences: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.ENODEV];

function found(answer: Answer | undefined): Qdisc | undefined {
  const { error, bodies: [body] = [] } = answer ?? {};
  if (error !== undefined && !absences.includes(error.errno)) throw error;
  const qdisc = body === undefined ? undefined : readQdisc(body);
  // Those that the kernel has made by itself, such as noqueue, have no handle, and give way to any other.
  return qdisc?.handle === 0 ? undefined : qdisc;
}

/** The kernel's dump has the qdiscs of all interfaces, so each place is asked for. */
export function findQdiscs(connection: NetlinkConnection, index: number): Qdiscs {
  const places = [TrafficParent.root, TrafficParent.ingressQdisc];
  const answers = connection.transact(
    places.map((parent) => get(TrafficMessage.getQdisc, { index, handle: 0, parent }, "qdisc")),
  );
  const [root, ingress] = answers.map(found);
  return { root, ingress };
}

/** The class 1:1 of an interface's root qdisc htb. */
export function findLimitedClass(connection: NetlinkConnection, index: number): Qdisc | undefined {
  const place = { index, handle: LIMITED_CLASS, parent: 0 };
  return found(connection.transact([get(TrafficMessage.getClass, place, "class")])[0]);
}
