/**
 * Programs that see every packet of an interface before the packet filter does: tc(8), the qdisc clsact. Constants:
 * include/uapi/linux/pkt_sched.h, pkt_cls.h, filter.h.
 */
import { Errno } from "../system/errno.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import {
  filterInfo,
  INGRESS_HANDLE,
  TrafficAttribute,
  TrafficMessage,
  TrafficParent,
  trafficHeader,
} from "./traffic-control.ts";

/** TCA_BPF_OPS_LEN, _OPS, _NAME, _FLAGS. */
const Program = { length: 4, instructions: 5, name: 7, flags: 8 } as const;
/** TCA_BPF_FLAG_ACT_DIRECT: what the program returns is what happens to the packet. */
const DIRECT = 1;

/** A classic BPF instruction: code, jumps if true and if false, number. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, number: number];

export interface IngressProgram {
  readonly name: string;
  /** EtherType of the packets that it sees. */
  readonly etherType: number;
  /** Programs of a lower number run first; 1 to 65535. */
  readonly priority: number;
  /** Its number among those of its priority; not 0. */
  readonly handle: number;
  readonly instructions: readonly Instruction[];
}

/** struct sock_filter. */
function encode(instructions: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * instructions.length));
  for (const [at, [code, ifTrue, ifFalse, number]] of instructions.entries()) {
    view.setUint16(8 * at, code, true);
    view.setUint8(8 * at + 2, ifTrue);
    view.setUint8(8 * at + 3, ifFalse);
    view.setUint32(8 * at + 4, number >>> 0, true);
  }
  return new Uint8Array(view.buffer);
}

const infoOf = ({ priority, etherType }: IngressProgram): number => filterInfo(priority, etherType);

const newQdisc = (index: number): NetlinkMessage => ({
  type: TrafficMessage.newQdisc,
  flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
  body: new BodyWriter()
    .raw(trafficHeader(index, INGRESS_HANDLE, TrafficParent.ingressQdisc))
    .text(TrafficAttribute.kind, "clsact")
    .finish(),
  purpose: `add the qdisc clsact to the interface ${index}`,
});

const newFilter = (index: number, program: IngressProgram): NetlinkMessage => ({
  type: TrafficMessage.newFilter,
  flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
  body: new BodyWriter()
    .raw(trafficHeader(index, program.handle, TrafficParent.ingress, infoOf(program)))
    .text(TrafficAttribute.kind, "bpf")
    .nested(TrafficAttribute.options, (options) => {
      options
        .u16(Program.length, program.instructions.length)
        .bytes(Program.instructions, encode(program.instructions))
        .text(Program.name, program.name)
        .u32(Program.flags, DIRECT);
    })
    .finish(),
  purpose: `add the program ${program.name} to the interface ${index}`,
});

/** Runs the program for what comes in by the interface. False if it runs already. Throws what the kernel refuses. */
export function addIngressProgram(
  connection: NetlinkConnection,
  index: number,
  program: IngressProgram,
): boolean {
  const message = newFilter(index, program);
  // EINVAL: the interface lacks the qdisc (net/sched/cls_api.c, __tcf_qdisc_find).
  const error = connection.attempt(message, Errno.EEXIST, Errno.EINVAL);
  if (error?.errno !== Errno.EINVAL) return error === undefined;
  // Another program may have made it, or the older qdisc ingress, which takes the same filters.
  connection.attempt(newQdisc(index), Errno.EEXIST);
  return connection.attempt(message, Errno.EEXIST) === undefined;
}

/** Whether it runs for what comes in by the interface. */
export const hasIngressProgram = (
  connection: NetlinkConnection,
  index: number,
  program: IngressProgram,
): boolean =>
  connection.query({
    type: TrafficMessage.getFilter,
    flags: Flag.request,
    body: new BodyWriter()
      .raw(trafficHeader(index, program.handle, TrafficParent.ingress, infoOf(program)))
      .text(TrafficAttribute.kind, "bpf")
      .finish(),
    purpose: `look for the program ${program.name} of the interface ${index}`,
  }).body !== undefined;

/** Ends it. One that does not run is fine. The qdisc stays: others may use it, and without programs it does nothing. */
export function removeIngressProgram(
  connection: NetlinkConnection,
  index: number,
  program: IngressProgram,
): void {
  const message = {
    type: TrafficMessage.deleteFilter,
    flags: Flag.request | Flag.ack,
    body: new BodyWriter()
      .raw(trafficHeader(index, program.handle, TrafficParent.ingress, infoOf(program)))
      .text(TrafficAttribute.kind, "bpf")
      .finish(),
    purpose: `remove the program ${program.name} from the interface ${index}`,
  };
  connection.attempt(message, Errno.ENOENT, Errno.EINVAL, Errno.ENODEV);
}
