/** flannel: attaches pods by another plugin, with the subnets that flanneld has for the node. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del, gc } from "./del.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "attaches pods by another plugin, such as bridge, with the node's subnets as flanneld says",
  isIpam: false,
  add,
  check,
  status,
  del,
  gc,
};

export default plugin;
