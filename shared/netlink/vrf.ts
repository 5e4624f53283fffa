/** VRF devices: interfaces below one have a routing table of their own. Constants: include/uapi/linux/if_link.h. */
import type { Link } from "./link.ts";
import type { NewLink } from "./new-link.ts";

/** IFLA_VRF_TABLE. */
const TABLE = 1;

/** Equivalent to: ip link add NAME type vrf table TABLE. */
export const vrfDevice = (name: string, table: number): NewLink => ({
  kind: "vrf",
  name,
  data: (writer) => writer.u32(TABLE, table),
});

/** The table of a VRF device; undefined for a link of another kind. */
export const vrfTableOf = ({ kind, data }: Link): number | undefined =>
  kind === "vrf" ? data.u32(TABLE) : undefined;
