/** ptp: each container has a link of its own to the node, which routes between them. */

import { detach } from "../../shared/attachment/detach.ts";
import { collectGarbage } from "../../shared/attachment/garbage.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "joins a container to its node by a link of its own",
  isIpam: false,
  add,
  // Addresses, routes and neighbours are gone with the link.
  del: (request) => detach(request),
  check,
  status,
  gc: (request) => collectGarbage(request),
};

export default plugin;
