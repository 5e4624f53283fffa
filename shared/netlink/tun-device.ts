/** What the kernel says of tun and tap devices. Constants: include/uapi/linux/if_link.h, if_tun.h. */
import type { Link } from "./link.ts";

/** IFLA_TUN_*: attributes of IFLA_INFO_DATA. */
const TunAttribute = { owner: 1, group: 2, type: 3, multiQueue: 7 } as const;
/** IFF_TAP. */
const TAP = 2;

export interface TunDevice {
  readonly isTap: boolean;
  readonly multiQueue: boolean;
  /** Undefined: all users, or groups, may attach. */
  readonly owner: number | undefined;
  readonly group: number | undefined;
}

export const readTunDevice = ({ data }: Link): TunDevice => ({
  isTap: data.u8(TunAttribute.type) === TAP,
  multiQueue: data.u8(TunAttribute.multiQueue) === 1,
  owner: data.u32(TunAttribute.owner),
  group: data.u32(TunAttribute.group),
});
