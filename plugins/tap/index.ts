/** tap: an interface whose frames a program in the container reads and writes, such as a virtual machine. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { owned } from "./config.ts";
import { status } from "./status.ts";

export default interfacePlugin({
  about: "gives a container a tap device, for a program such as a virtual machine",
  owns: owned,
  add,
  check,
  status,
});
