/** ADD: the container's traffic is forwarded. A failure leaves nothing of this attachment. */
import { livenessFor } from "../../shared/attachment/recovered.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import type { Wanted } from "../../shared/filter/choice.ts";
import { applyFilter, clearFilter, removeFilter } from "../../shared/filter/filter.ts";
import type { FilterRecord } from "../../shared/filter/record.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { Rollback } from "../../shared/rollback.ts";
import { type FirewallConfig, readFirewall } from "./config.ts";
import { type Firewalld, withFirewalld } from "./firewalld.ts";
import { wantedOf } from "./wanted.ts";
import { leaveZones } from "./zones.ts";

export function notRunning(): CniError {
  const advice = 'start it: systemctl start firewalld; or leave "backend" out: then the node decides';
  return new CniError(
    ErrorCode.notAvailable,
    '"backend" is "firewalld", and firewalld does not run here',
    advice,
  );
}

function joinZone(firewalld: Firewalld, zone: string, addresses: readonly Cidr[], undo: Rollback): void {
  undo.onFailure(() => firewalld.remove(zone, addresses));
  step("zone", () => firewalld.add(zone, addresses));
}

/** The rules, then the sources of the zone: a record is on the disk before the first and until the last. */
function forward(request: Request, wanted: Wanted, firewalld: Firewalld | undefined): void {
  const { environment } = request;
  const { owner, kind, addresses = [], firewall } = wanted;
  const undo = new Rollback();
  try {
    const { former, stale } = step("rules", () => applyFilter(wanted, environment, livenessFor(request)));
    undo.onFailure(() => void removeFilter(owner, kind, environment, { hasSiblings: true }));
    const zone = firewall?.zone;
    if (firewalld !== undefined) {
      leaveZones(firewalld, [...(former === undefined ? [] : [former]), ...stale], wanted);
      if (zone !== undefined) joinZone(firewalld, zone, addresses, undo);
    }
    undo.commit();
  } finally {
    undo.run();
  }
}

function clear(request: Request, wanted: Wanted, firewalld: Firewalld | undefined): void {
  const removed: FilterRecord[] = clearFilter(wanted, request.environment, livenessFor(request));
  if (firewalld !== undefined) leaveZones(firewalld, removed);
}

function addWith(request: Request, config: FirewallConfig, firewalld: Firewalld | undefined): Result {
  const result = requirePrevResult(request);
  if (firewalld === undefined && config.firewalld === "always") throw notRunning();
  const wanted = wantedOf(request, config, result, firewalld !== undefined);
  (result.ips.length === 0 ? clear : forward)(request, wanted, firewalld);
  return result;
}

export function add(request: Request): Result {
  const config = readFirewall(request);
  requirePrevResult(request);
  if (config.firewalld === "never") return addWith(request, config, undefined);
  return withFirewalld(request.environment, (firewalld) => addWith(request, config, firewalld));
}
