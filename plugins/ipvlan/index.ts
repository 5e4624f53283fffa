/** ipvlan: an interface on a device of the node that has the device's MAC address, and IP addresses of its own. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { addSubInterface, statusSubInterface } from "../../shared/attachment/sub-interface.ts";
import { check } from "./check.ts";
import { owned, readIpvlanConfig } from "./config.ts";

export default interfacePlugin({
  about: "gives a container IP addresses of its own on a device of the node, with that device's MAC address",
  owns: owned,
  add: (request) => addSubInterface(request, readIpvlanConfig(request)),
  check,
  status: (request) => statusSubInterface(request, readIpvlanConfig(request)),
});
