/** host-device: a device of the node is in a container for as long as it is attached. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { owned } from "./config.ts";
import { status } from "./status.ts";

export default interfacePlugin({
  about: "moves a device of the node into a container",
  owns: owned,
  add,
  check,
  status,
});
