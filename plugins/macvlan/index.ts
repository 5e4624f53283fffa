/** macvlan: an interface with a MAC address of its own on a device of the node. The container is a neighbour on that device's link. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { addSubInterface, statusSubInterface } from "../../shared/attachment/sub-interface.ts";
import { check } from "./check.ts";
import { owned, readMacvlanConfig } from "./config.ts";

export default interfacePlugin({
  about: "gives a container an interface of its own on a device of the node",
  owns: owned,
  add: (request) => addSubInterface(request, readMacvlanConfig(request)),
  check,
  status: (request) => statusSubInterface(request, readMacvlanConfig(request)),
});
