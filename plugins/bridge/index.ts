/** bridge: containers on one node share a Linux bridge. */
import { ownedVeth } from "../../shared/attachment/veth.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "attaches a container to a Linux bridge",
  isIpam: false,
  owns: ownedVeth,
  add,
  del,
  check,
  status,
  gc,
};

export default plugin;
