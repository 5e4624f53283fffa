/** vxlan: connects pods of different nodes by an overlay, which each node builds and repairs by itself. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "joins pods of several nodes by a VXLAN overlay",
  isIpam: false,
  deferredList: ["discovery", "peers"],
  add,
  del,
  check,
  status,
  gc,
};

export default plugin;
