/** Ranges that are not there, or are written in another form. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";

/** The error for a range in place of a range set. `path` names the place. */
export function flatRange(path: string, value: JsonObject): CniError {
  const advice = `a range set is a list of ranges: write [[${quote(value)}]]`;
  return new CniError(ErrorCode.decode, `"${path}" must be a list, but it is an object`, advice);
}

/** Whether the runtime is to give ranges with ADD: the configuration declares the capability. */
const declaresRanges = ({ fields }: NetworkConfiguration) =>
  fields.object("capabilities")?.value("ipRanges") === true;

/** Whether ranges are there now, or `canWait` for those that the runtime gives with ADD. Throws code 7. */
export function requireRanges(
  configuration: NetworkConfiguration,
  drafts: readonly unknown[],
  canWait: boolean,
): void {
  if (drafts.length > 0) return;
  const isDeclared = declaresRanges(configuration);
  if (isDeclared && canWait) return;
  const runtime = isDeclared ? "; the runtime gave none, although the capability ipRanges is declared" : "";
  const advice = `give "ipam.ranges", such as [[{"subnet": "10.88.0.0/16"}]], or "ipam.subnet"${runtime}`;
  throw new CniError(ErrorCode.invalidConfiguration, "no IP ranges specified", advice);
}
