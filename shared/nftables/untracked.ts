/** VXLAN without connection tracking, and so without translation of its addresses. Pure. */
import {
  Comparison,
  compare,
  type Expression,
  Header,
  loadDestinationKind,
  loadPayload,
  notrack,
  registerAt,
} from "./expression.ts";
import { hostOrder, matchUdp, matchUdpPort } from "./match.ts";
import type { Hook, Rule } from "./message.ts";

const REGISTER = registerAt(0);
/** RTN_LOCAL: include/uapi/linux/rtnetlink.h. */
export const LOCAL = 2;

/** IANA's port of VXLAN (RFC 7348, section 8), and that of Linux (drivers/net/vxlan, vxlan_port) and flannel. */
export const vxlanPorts = [4789, 8472] as const;

/** NF_IP_PRI_RAW: before connection tracking, so a dropped packet gets no entry there. */
export const RAW = -300;
export const beforeTracking = { type: "filter", number: 0, priority: RAW } as const satisfies Hook;

const isForwarded: readonly Expression[] = [
  loadDestinationKind(REGISTER),
  compare(REGISTER, Comparison.notEqual, hostOrder(LOCAL)),
];

/**
 * On any port: the kernel takes no VXLAN header but one with this first word and this last byte (drivers/net/vxlan, vxlan_rcv). A
 * question to a DNS server looks alike if its number is 0x0800, so port 53 is left out.
 */
const matchHeader: readonly Expression[] = [
  ...matchUdp,
  loadPayload(Header.transport, 2, 2, REGISTER),
  compare(REGISTER, Comparison.notEqual, new Uint8Array([0, 53])),
  loadPayload(Header.transport, 8, 4, REGISTER),
  compare(REGISTER, Comparison.equal, new Uint8Array([8, 0, 0, 0])),
  loadPayload(Header.transport, 15, 1, REGISTER),
  compare(REGISTER, Comparison.equal, new Uint8Array(1)),
];

/**
 * Masquerade would make the node the sender, which peers believe. An answer to VXLAN goes to the port that it was sent to, never to
 * the one that it came from (RFC 7348, section 5): what is translated has no answers, so none is lost.
 */
export const forwardedUntracked: readonly Rule[] = [
  ...vxlanPorts.map((port) => ({
    comment: `VXLAN to port ${port} of others is not translated`,
    expressions: [...matchUdpPort(port), ...isForwarded, notrack()],
  })),
  {
    comment: "VXLAN to any port of others is not translated",
    expressions: [...matchHeader, ...isForwarded, notrack()],
  },
];

/** For an overlay's own port: host ports do not take its frames from the node either. */
export const portUntracked = (port: number): Rule => ({
  comment: `VXLAN to port ${port} is not translated`,
  expressions: [...matchUdpPort(port), notrack()],
});
