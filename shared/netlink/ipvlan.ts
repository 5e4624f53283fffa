/** ipvlan interfaces. Constants: IFLA_IPVLAN_* and IPVLAN_MODE_* of include/uapi/linux/if_link.h. */
import type { BodyWriter } from "./body-writer.ts";
import type { Link } from "./link.ts";

const MODE = 1;

export const IpvlanMode = { l2: 0, l3: 1, l3s: 2 } as const;

/** Writes IFLA_INFO_DATA. All interfaces of a master have one mode: that of the last one made. */
export function writeIpvlan(writer: BodyWriter, mode: number): void {
  writer.u16(MODE, mode);
}

export const ipvlanModeOf = ({ data }: Link): number | undefined => data.u16(MODE);
