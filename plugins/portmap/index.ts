/**
 * portmap: ports of the host lead to a container. It runs after a plugin that connects the container, and returns that plugin's
 * result unchanged.
 */
import type { Plugin } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { checkFilter } from "../../shared/filter/choice.ts";
import { collectFilter } from "../../shared/filter/filter.ts";
import { checkFilterStatus } from "../../shared/filter/status.ts";
import { forwardPorts, removePorts } from "./add.ts";
import { readPortmapConfig } from "./config.ts";
import { flushToContainer } from "./conntrack.ts";
import { checkLocalhost, closeLocalhost, guardAll, localhostTarget } from "./localhost.ts";
import { samplePorts, wantedPorts } from "./wanted.ts";

const plugin: Plugin = {
  about: "forwards ports of the host to a container",
  isIpam: false,
  add: (request) => {
    const config = readPortmapConfig(request.configuration);
    const result = requirePrevResult(request);
    forwardPorts(request, wantedPorts(request, config, result));
    return result;
  },
  del: (request) => removePorts(request),
  check: (request) => {
    const config = readPortmapConfig(request.configuration);
    const wanted = wantedPorts(request, config, requirePrevResult(request));
    if (wanted.hostPorts.mappings.length === 0) return;
    const maker = checkFilter(wanted, request.environment);
    const local = localhostTarget(wanted.hostPorts);
    if (local !== undefined) checkLocalhost(local, wanted.hostPorts.mappings, maker === "podwire");
  },
  status: (request) =>
    checkFilterStatus(samplePorts(request, readPortmapConfig(request.configuration)), request.environment),
  gc: (request) => {
    collectFilter(
      request.configuration.name,
      attachmentsToKeep(request),
      "portmap",
      request.environment,
      (record, some) => {
        flushToContainer(record);
        closeLocalhost(record, some);
      },
    );
    guardAll(request.environment);
  },
};

export default plugin;
