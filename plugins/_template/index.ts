/** template: a container has a veth pair to its node, and the addresses that IPAM gives. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { owned } from "./config.ts";
import { status } from "./status.ts";

// DEL and GC follow from `owns`. A plugin that makes more than a link gives `removals` and `collect` as well.
export default interfacePlugin({
  about: "joins a container to its node by a veth pair",
  owns: owned,
  add,
  check,
  status,
});
