/** ADD and DEL: ports of the host lead to the container, and no longer do. */
import { livenessFor } from "../../shared/attachment/recovered.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { type AttachmentKey, attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { step } from "../../shared/cni/steps.ts";
import { applyFilter, clearFilter, removeFilter } from "../../shared/filter/filter.ts";
import { describePort, type HostPort } from "../../shared/filter/record.ts";
import { Rollback } from "../../shared/rollback.ts";
import { flushChanged, flushStale, flushToContainer } from "./conntrack.ts";
import { closeLocalhost, findLocalhost, localhostTarget, openLocalhost } from "./localhost.ts";
import { targetsOf } from "./requests.ts";
import type { WantedPorts } from "./wanted.ts";

function conflict(port: HostPort, { network, containerId, ifname }: AttachmentKey): CniError {
  return new CniError(
    ErrorCode.invalidConfiguration,
    `${describePort(port)} is taken by the interface ${ifname} of container ${containerId} on the network ${network}`,
    "ask for another host port or another hostIP, or remove that container",
  );
}

/**
 * Forwards the wanted ports in place of those that the owner had; none is fine. Throws code 7 for a port that a living container
 * has. A failure at any step leaves nothing of this attachment.
 */
export function forwardPorts(request: Request, wanted: WantedPorts): void {
  const { environment } = request;
  const { owner, hostPorts } = wanted;
  const taking = { ...livenessFor(request), conflict, removed: closeLocalhost };
  if (hostPorts.mappings.length === 0) {
    clearFilter(wanted, environment, taking).forEach(flushToContainer);
    return;
  }
  const target = localhostTarget(hostPorts);
  const localhost = target && findLocalhost(target, environment);
  const claim = localhost?.isOurs === true ? { localhost: localhost.link.name } : {};
  const undo = new Rollback();
  try {
    const claimed = { ...wanted, hostPorts: { ...hostPorts, ...claim } };
    const { former, stale } = step("rules", () => applyFilter(claimed, environment, taking));
    undo.onFailure(
      () => void removeFilter(owner, "portmap", environment, { hasSiblings: true }, closeLocalhost),
    );
    if (localhost !== undefined) openLocalhost(localhost, hostPorts.mappings);
    stale.forEach(flushToContainer);
    if (former?.hostPorts !== undefined) flushChanged(former.hostPorts, hostPorts);
    flushStale(hostPorts);
    undo.commit();
  } finally {
    undo.run();
  }
}

/** Removes the ports of an attachment. Needs no ports, no previous result and no namespace. */
export function removePorts(request: Request): void {
  const { configuration, environment, ifname } = request;
  const { prevResult } = configuration;
  const targets = prevResult === undefined ? [] : targetsOf(prevResult, ifname);
  const reference = { hasSiblings: false, addresses: targets.map(({ address }) => address) };
  const record = removeFilter(attachmentOf(request), "portmap", environment, reference, closeLocalhost);
  if (record !== undefined) flushToContainer(record);
}
