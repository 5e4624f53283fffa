/**
 * portmap: ports of the host lead to a container. Runs after a plugin that connects the container, and hands that
 * one's result on as it is.
 *
 * What works on ports is evaluated on demand: most attachments have none, and cost nothing but the start.
 */
import { attachmentOf, type Plugin } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { readPortmapConfig } from "./config.ts";
import { hasRecord } from "./places.ts";

const adding = () => require("./add.ts") as typeof import("./add.ts");
const removing = () => require("./del.ts") as typeof import("./del.ts");
const collecting = () => require("./gc.ts") as typeof import("./gc.ts");
const looking = () => require("./look.ts") as typeof import("./look.ts");

const plugin: Plugin = {
  about: "forwards ports of the host to a container",
  isIpam: false,
  add: (request) => {
    const config = readPortmapConfig(request.configuration);
    const result = requirePrevResult(request);
    if (config.ports.length > 0) adding().forwardPorts(request, config, result);
    // A repeated ADD replaces what the former one has forwarded, by nothing too.
    else if (hasRecord(attachmentOf(request)))
      removing().removePorts(attachmentOf(request), request.environment);
    return result;
  },
  del: (request) => removing().removePorts(attachmentOf(request), request.environment),
  check: (request) => {
    const config = readPortmapConfig(request.configuration);
    const result = requirePrevResult(request);
    if (config.ports.length > 0) looking().checkPorts(request, config, result);
  },
  status: (request) => looking().checkReadiness(request, readPortmapConfig(request.configuration)),
  gc: (request) => collecting().collectPorts(request),
};

export default plugin;
