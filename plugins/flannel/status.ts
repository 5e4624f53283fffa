/** STATUS: flanneld's file, the folder for what DEL needs, and the delegate's STATUS. */
import { delegateStatus } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { ownFolderProblem } from "../../shared/system/writable.ts";
import { readFlannel } from "./config.ts";
import { delegateKeys, delegationOf, roleOf } from "./delegation.ts";
import { readSubnetEnv, type SubnetEnv } from "./subnet-env.ts";

function subnetsOrUnavailable(file: string): SubnetEnv {
  try {
    return readSubnetEnv(file);
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    throw new CniError(ErrorCode.notAvailable, thrown.message, thrown.details, thrown);
  }
}

/** Throws what ADD would throw, with code 50 for what the node lacks. Changes nothing. */
export function status(request: Request): void {
  const { configuration } = request;
  const config = readFlannel(configuration);
  const raw = delegateKeys(configuration, config, subnetsOrUnavailable(config.subnetFile));
  const { dataDir } = config;
  const problem = ownFolderProblem(dataDir);
  if (problem !== undefined)
    throw new CniError(ErrorCode.notAvailable, `${dataDir} cannot be written: ${problem}`, `see "dataDir"`);
  const { type, request: made } = delegationOf(request, raw);
  delegateStatus(made, type, roleOf(request));
}
