/** bandwidth: limits what a container receives and sends, at the veth pair that an earlier plugin of the chain made. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del, gc } from "./del.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "limits what a container receives and sends, in bits a second",
  isIpam: false,
  add,
  check,
  status,
  del,
  gc,
};

export default plugin;
