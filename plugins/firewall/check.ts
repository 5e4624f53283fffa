/** CHECK: the rules are in place. STATUS: they could be made. */
import { drift } from "../../shared/attachment/check.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { recordOf } from "../../shared/filter/ask.ts";
import { checkFilter } from "../../shared/filter/choice.ts";
import { checkFilterStatus } from "../../shared/filter/status.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { notRunning } from "./add.ts";
import { readFirewall } from "./config.ts";
import { withFirewalld } from "./firewalld.ts";
import { sampleOf, wantedOf } from "./wanted.ts";

/** Throws if firewalld does not have the addresses in the zone. */
function checkZone({ environment }: Request, zone: string, { ips }: Result): void {
  withFirewalld(environment, (firewalld) => {
    if (firewalld === undefined) throw notRunning();
    const missing = firewalld.missing(
      zone,
      ips.map(({ address }) => address),
    );
    if (missing === undefined) return;
    const message = `firewalld does not have ${formatIp(missing.address)} in the zone ${zone}`;
    throw drift(
      message,
      "firewalld was started again, or another program removed it: the next GC of this network adds it",
    );
  });
}

/** Whether the reference plugin has made the addresses sources: it does where firewalld runs. */
const isZonedByReference = ({ environment }: Request, zone: string, { ips }: Result): boolean =>
  withFirewalld(
    environment,
    (firewalld) =>
      firewalld !== undefined &&
      firewalld.missing(
        zone,
        ips.map(({ address }) => address),
      ) === undefined,
  );

export function check(request: Request): void {
  const config = readFirewall(request);
  const result = requirePrevResult(request);
  if (result.ips.length === 0) return;
  const record = recordOf(attachmentOf(request), "firewall", request.environment);
  const zone = record?.firewall?.zone;
  if (
    record === undefined &&
    config.firewalld === "where it runs" &&
    isZonedByReference(request, config.zone, result)
  )
    return;
  const expected = zone ?? (config.firewalld === "always" ? config.zone : undefined);
  if (expected !== undefined) checkZone(request, expected, result);
  checkFilter(wantedOf(request, config, result, zone !== undefined), request.environment);
}

export function status(request: Request): void {
  const config = readFirewall(request);
  const sample = sampleOf(request, config);
  checkFilterStatus(sample, request.environment);
  if (config.firewalld !== "always") return;
  withFirewalld(request.environment, (firewalld) => {
    if (firewalld === undefined) throw notRunning();
    firewalld.missing(config.zone, sample.addresses ?? []);
  });
}
