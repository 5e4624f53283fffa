/** ADD: ports of the host lead to the container. */

import { describeNamespace } from "../../shared/attachment/liveness.ts";
import { ownerText } from "../../shared/cni/attachment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import type { Family } from "../../shared/ip/address.ts";
import { type Backend, chooseBackend } from "../../shared/netfilter/backend.ts";
import { Rollback } from "../../shared/rollback.ts";
import type { PortmapAdaptor, PortmapHost } from "./adaptor.ts";
import { removeEverywhere, withBackend } from "./adaptors.ts";
import { isOwnerAlive } from "./claims.ts";
import { backendOf, type PortmapConfig } from "./config.ts";
import type { PortRecord } from "./record.ts";
import { allRecords, claim, recordOf, release } from "./registry.ts";
import { forwardingOf } from "./request.ts";
import { forgetFormer, forgetOthers, forgetOwn } from "./tracked.ts";
import { clearPorts } from "./unrecorded.ts";

function recordFor(request: Request, config: PortmapConfig, result: Result, backend: Backend): PortRecord {
  const namespace = describeNamespace(request.netns);
  const forwarding = forwardingOf(request, config, result);
  return { forwarding, backend, ...(namespace === undefined ? {} : { namespace }) };
}

/** Brings back what other attachments had, from their records: a node's ports come back with the next container. */
function restoreOthers(
  { forwarding, backend }: PortRecord,
  adaptor: PortmapAdaptor,
  host: PortmapHost,
): void {
  for (const other of allRecords()) {
    const isOther = ownerText(other.forwarding.owner) !== ownerText(forwarding.owner);
    if (!isOther || other.backend !== backend || !isOwnerAlive(other)) continue;
    try {
      adaptor.ensure(host, other.forwarding);
    } catch {
      // It is not this attachment's fault, and CHECK of the other one tells.
    }
  }
}

/**
 * Whether the rules that are made now take the place of all there were. Those of iptables do so per family, in the run
 * that makes them.
 */
function isReplaced(former: PortRecord, { backend, forwarding }: PortRecord): boolean {
  const isUsed = (family: Family) => forwarding.mappings.some((mapping) => mapping.family === family);
  if (former.backend !== backend) return false;
  return backend === "nftables" || former.forwarding.mappings.every(({ family }) => isUsed(family));
}

/** Forwards the configured ports. A failure at any step leaves nothing of this attachment. */
export function forwardPorts(request: Request, config: PortmapConfig, result: Result): void {
  const { environment } = request;
  const backend = backendOf(config) ?? chooseBackend(environment);
  const record = recordFor(request, config, result, backend);
  const { forwarding } = record;
  const { owner } = forwarding;
  const former = recordOf(owner);
  const undo = new Rollback();
  withBackend(backend, environment, (adaptor, host) => {
    adaptor.prepare(host, forwarding);
    try {
      claim(record, environment, {
        remove: (dead) => {
          removeEverywhere(dead.forwarding.owner, dead.forwarding, environment);
          forgetOwn(dead.forwarding);
        },
        clearUnrecorded: (records) => clearPorts(forwarding, records, environment),
      });
      undo.onFailure(() => release(owner, environment));
      undo.onFailure(() =>
        removeEverywhere(owner, former === undefined ? forwarding : undefined, environment),
      );
      if (former !== undefined && !isReplaced(former, record)) {
        removeEverywhere(owner, former.forwarding, environment);
      }
      const isNew = step("rules", () => adaptor.ensure(host, forwarding, former?.forwarding));
      if (former !== undefined) forgetFormer(former.forwarding, forwarding);
      if (isNew) restoreOthers(record, adaptor, host);
      forgetOthers(forwarding);
      undo.commit();
    } finally {
      undo.run();
    }
  });
}
