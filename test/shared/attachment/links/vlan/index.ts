import { upperPlugin } from "../plugins.ts";

/** IFLA_VLAN_ID. */
const VLAN_ID = 1;

export default upperPlugin("vlan", (data) => void data.u16(VLAN_ID, 100));
