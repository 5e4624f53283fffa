/** VLAN interfaces (802.1Q). Constants: IFLA_VLAN_* of include/uapi/linux/if_link.h. */
import type { BodyWriter } from "./body-writer.ts";
import type { Link } from "./link.ts";

const ID = 1;

/** Writes IFLA_INFO_DATA. */
export function writeVlanDevice(writer: BodyWriter, id: number): void {
  writer.u16(ID, id);
}

export const vlanIdOf = ({ data }: Link): number | undefined => data.u16(ID);
