/**
 * portmap: ports of the host lead to a container. Runs after a plugin that connects the container, and hands that
 * one's result on as it is.
 */
import { attachmentOf, type Plugin } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { forwardPorts } from "./add.ts";
import { readPortmapConfig } from "./config.ts";
import { removePorts } from "./del.ts";
import { collectPorts } from "./gc.ts";
import { checkPorts, checkReadiness } from "./look.ts";
import { hasRecord } from "./places.ts";

const plugin: Plugin = {
  about: "forwards ports of the host to a container",
  isIpam: false,
  add: (request) => {
    const config = readPortmapConfig(request.configuration);
    const result = requirePrevResult(request);
    if (config.ports.length > 0) forwardPorts(request, config, result);
    // A repeated ADD replaces what the former one has forwarded, by nothing too.
    else if (hasRecord(attachmentOf(request))) removePorts(attachmentOf(request), request.environment);
    return result;
  },
  del: (request) => removePorts(attachmentOf(request), request.environment),
  check: (request) => {
    const config = readPortmapConfig(request.configuration);
    const result = requirePrevResult(request);
    if (config.ports.length > 0) checkPorts(request, config, result);
  },
  status: (request) => checkReadiness(request, readPortmapConfig(request.configuration)),
  gc: (request) => collectPorts(request),
};

export default plugin;
