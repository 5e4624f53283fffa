/** ADD: keeps the delegate's configuration for DEL, then runs the delegate. The result is the delegate's. */
import { delegateAdd } from "../../shared/cni/delegate.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { Rollback } from "../../shared/rollback.ts";
import { readFlannel } from "./config.ts";
import { delegateKeys, delegationOf, roleOf } from "./delegation.ts";
import { writeSaved } from "./saved.ts";
import { readSubnetEnv } from "./subnet-env.ts";

export function add(request: Request): Result {
  const { configuration } = request;
  const config = readFlannel(configuration);
  const raw = delegateKeys(configuration, config, readSubnetEnv(config.subnetFile));
  const { type, request: made } = delegationOf(request, raw);
  const undo = new Rollback();
  try {
    writeSaved(config.dataDir, attachmentOf(request), raw, undo);
    const result = delegateAdd(made, type, roleOf(request));
    undo.commit();
    return result;
  } finally {
    undo.run();
  }
}
