/** vrf: an interface of a container, made by an earlier plugin of the chain, has a routing table of its own by a VRF device. */
import { checkKind } from "../../shared/attachment/missing-kind.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { readVrf } from "./config.ts";
import { del } from "./del.ts";

const plugin: Plugin = {
  about: "gives interfaces of a container a routing table of their own, by a VRF device",
  isIpam: false,
  add,
  check,
  status: (request) => {
    readVrf(request);
    checkKind("vrf");
  },
  del,
  // The device is in the container's namespace, and goes with it.
  gc: () => {},
};

export default plugin;
