/** host-local: hands out addresses from ranges of this node and stores reservations in files of this node. */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check, isReservedFor } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "hands out IP addresses from ranges, and stores reservations in files of this host",
  isIpam: true,
  isReservedFor,
  add,
  del,
  check,
  status,
  gc,
};

export default plugin;
