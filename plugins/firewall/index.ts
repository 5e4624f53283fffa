/**
 * firewall: the host forwards the traffic of a container, whatever the policy of its packet filter. It runs after a plugin that connects
 * the container, and returns that plugin's result unchanged.
 */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check, status } from "./check.ts";
import { del, gc } from "./del.ts";

const plugin: Plugin = {
  about: "lets the host forward the traffic of a container where its firewall would drop it",
  isIpam: false,
  add,
  check,
  status,
  del,
  gc,
};

export default plugin;
