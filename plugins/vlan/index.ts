/** vlan: an interface in a VLAN (IEEE 802.1Q) of a device of the node. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { addSubInterface, statusSubInterface } from "../../shared/attachment/sub-interface.ts";
import { check } from "./check.ts";
import { owned, readVlanConfig } from "./config.ts";

export default interfacePlugin({
  about: "gives a container an interface in a VLAN of a device of the node",
  owns: owned,
  add: (request) => addSubInterface(request, readVlanConfig(request)),
  check,
  status: (request) => statusSubInterface(request, readVlanConfig(request)),
});
