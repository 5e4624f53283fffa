/** ADD: ports of the host lead to the container. */
import { describeNamespace } from "../../shared/attachment/liveness.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { Rollback } from "../../shared/rollback.ts";
import { removeEverywhere, withBackend } from "./adaptors.ts";
import { backendOf, type PortmapConfig } from "./config.ts";
import type { PortRecord } from "./record.ts";
import { claim, release } from "./registry.ts";
import { forwardingOf } from "./request.ts";
import { forgetOthers, forgetOwn } from "./tracked.ts";

function recordFor(request: Request, config: PortmapConfig, result: Result): PortRecord {
  const namespace = describeNamespace(request.netns);
  const forwarding = forwardingOf(request, config, result);
  return { forwarding, ...(namespace === undefined ? {} : { namespace }) };
}

/** Forwards the configured ports. A failure at any step leaves nothing of this attachment. */
export function forwardPorts(request: Request, config: PortmapConfig, result: Result): void {
  const { environment } = request;
  const record = recordFor(request, config, result);
  const { forwarding } = record;
  const { owner } = forwarding;
  const undo = new Rollback();
  withBackend(backendOf(config), environment, (adaptor, host) => {
    adaptor.prepare(host, forwarding);
    try {
      claim(record, environment, (dead) => {
        removeEverywhere(dead.forwarding.owner, dead.forwarding, environment);
        forgetOwn(dead.forwarding);
      });
      undo.onFailure(() => release(owner, environment));
      undo.onFailure(() => removeEverywhere(owner, forwarding, environment));
      adaptor.ensure(host, forwarding);
      forgetOthers(forwarding);
      undo.commit();
    } finally {
      undo.run();
    }
  });
}
