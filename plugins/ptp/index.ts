/** ptp: each container has a link of its own to the node, which routes between them. */
import { interfacePlugin } from "../../shared/attachment/interface-plugin.ts";
import { ownedVeth } from "../../shared/attachment/veth.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { status } from "./status.ts";

// The kernel removes addresses, routes and neighbours with the link.
export default interfacePlugin({
  about: "joins a container to its node by a link of its own",
  owns: ownedVeth,
  add,
  check,
  status,
});
