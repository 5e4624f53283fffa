/** dhcp: addresses from a DHCP server on the container's network. A daemon keeps the leases (daemon/daemon.ts). */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { runDaemon } from "./daemon/daemon.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

const plugin: Plugin = {
  about: "gives a container an IP address from a DHCP server on its network",
  isIpam: true,
  add,
  check,
  status,
  del,
  gc,
  daemon: runDaemon,
};

export default plugin;
