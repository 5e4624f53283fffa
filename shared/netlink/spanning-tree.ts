/** The states of bridge ports: include/uapi/linux/if_bridge.h (BR_STATE_*) and if_link.h (IFLA_BR_*, IFLA_BRPORT_*). */
import type { Link } from "./link.ts";

/** IFLA_BR_*. */
const FORWARD_DELAY = 1;
const SPANNING_TREE = 5;
/** BR_KERNEL_STP. With 2 a daemon such as mstpd decides. */
const KERNEL_SPANNING_TREE = 1;
/** IFLA_BRPORT_STATE. */
const PORT_STATE = 1;
/** BR_STATE_*. */
const LISTENING = 1;
const LEARNING = 2;
const FORWARDING = 3;

export function isForwarding(port: Link): boolean {
  return port.portData.u8(PORT_STATE) === FORWARDING;
}

/** True if spanning tree lets the port forward in a while. */
export function isAboutToForward(port: Link): boolean {
  return [LISTENING, LEARNING].includes(port.portData.u8(PORT_STATE) ?? 0);
}

/** How long a new port does not forward, in milliseconds: twice the forward delay with spanning tree, any time if a daemon decides. */
export function timeToForward(bridge: Link): number {
  const tree = bridge.data.u8(SPANNING_TREE) ?? 0;
  if (tree === 0) return 0;
  // The kernel has hundredths of a second.
  return tree === KERNEL_SPANNING_TREE
    ? 20 * (bridge.data.u32(FORWARD_DELAY) ?? 0)
    : Number.POSITIVE_INFINITY;
}
