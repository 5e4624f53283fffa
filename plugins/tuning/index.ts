/** tuning: sysctls of the container's namespace, and settings of an interface that an earlier plugin of the chain made. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { readTuning } from "./config.ts";
import { del, gc } from "./del.ts";

const plugin: Plugin = {
  about: "sets sysctls of a container, and MAC address, MTU and flags of its interface",
  isIpam: false,
  add,
  check,
  status: (request) => void readTuning(request),
  del,
  gc,
};

export default plugin;
