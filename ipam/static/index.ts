/** static: addresses from the configuration, or from the runtime. It stores nothing, so DEL and GC have nothing to do. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { readStatic } from "./configuration.ts";

const plugin: Plugin = {
  about: "gives a container the IP addresses that the configuration or the runtime names",
  isIpam: true,
  add,
  check,
  status: (request) => void readStatic(request),
  del: () => {},
  gc: () => {},
};

export default plugin;
