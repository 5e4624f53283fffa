/** sbr: packets with an address of an interface as their source leave by that interface (source-based routing). */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { readSbr } from "./config.ts";
import { del } from "./del.ts";

const plugin: Plugin = {
  about: "routes what an interface of a container sends by a table of its own, chosen by the source address",
  isIpam: false,
  add,
  check,
  status: (request) => void readSbr(request),
  del,
  // Rules and routes are in the container's namespace, and go with it.
  gc: () => {},
};

export default plugin;
