/** What qdiscs, classes and filters have in common: tc(8). Constants: include/uapi/linux/rtnetlink.h, pkt_sched.h. */

/** RTM_*QDISC, RTM_*TCLASS, RTM_*TFILTER. */
export const TrafficMessage = {
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newClass: 40,
  getClass: 42,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
} as const;

/** TCA_KIND, TCA_OPTIONS. */
export const TrafficAttribute = { kind: 1, options: 2 } as const;

/**
 * TC_H_*: where a qdisc or a filter is. `root` shapes what the interface sends. `ingressQdisc` is the one place for a qdisc on what it
 * receives: "ingress" or "clsact". Filters of either are at `ingress`.
 */
export const TrafficParent = { root: 0xffffffff, ingressQdisc: 0xfffffff1, ingress: 0xfffffff2 } as const;

/** The handle that the qdiscs "ingress" and "clsact" have: ffff:0. */
export const INGRESS_HANDLE = 0xffff0000;

/** struct tcmsg. */
export function trafficHeader(index: number, handle: number, parent: number, info = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  for (const [at, number] of [0, index, handle, parent, info].entries()) {
    view.setUint32(4 * at, number, true);
  }
  return new Uint8Array(view.buffer);
}

/** tcm_info of a filter: its priority, and the EtherType in network order: TC_H_MAKE(priority << 16, htons(type)). */
export const filterInfo = (priority: number, etherType: number): number =>
  ((priority << 16) | ((etherType & 0xff) << 8) | (etherType >> 8)) >>> 0;

/** Numbers in host order, one after the other. */
export function words(...numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  for (const [at, number] of numbers.entries()) view.setUint32(4 * at, number, true);
  return new Uint8Array(view.buffer);
}
