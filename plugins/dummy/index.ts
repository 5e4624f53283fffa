/** dummy: an interface that sends nothing, for addresses that belong to a container. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { owned } from "./config.ts";
import { status } from "./status.ts";

export default interfacePlugin({
  about: "gives a container a dummy interface with addresses",
  owns: owned,
  add,
  check,
  status,
});
