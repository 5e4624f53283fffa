/** macvlan interfaces. Constants: IFLA_MACVLAN_* and MACVLAN_MODE_* of include/uapi/linux/if_link.h. */
import type { BodyWriter } from "./body-writer.ts";
import type { Link } from "./link.ts";

const MODE = 1;
const BROADCAST_QUEUE_LENGTH = 7;

export const MacvlanMode = { bridge: 4, private: 1, vepa: 2, passthru: 8 } as const;

export interface Macvlan {
  /** MACVLAN_MODE_*. */
  readonly mode: number;
  /** Broadcast packets that may wait on the master; 0 for the kernel's default (1000). Since 5.11. */
  readonly queueLength: number;
}

/** Writes IFLA_INFO_DATA. */
export function writeMacvlan(writer: BodyWriter, { mode, queueLength }: Macvlan): void {
  writer.u32(MODE, mode);
  if (queueLength > 0) writer.u32(BROADCAST_QUEUE_LENGTH, queueLength);
}

export const macvlanModeOf = ({ data }: Link): number | undefined => data.u32(MODE);
