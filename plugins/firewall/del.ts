/** DEL and GC: the rules go. DEL needs no previous result, except for rules of the reference plugin. */
import { CniError, ErrorCode, runAll } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { recordOf, sortedRecords, unclaimed } from "../../shared/filter/ask.ts";
import { collectFilter, removeFilter } from "../../shared/filter/filter.ts";
import type { FilterRecord } from "../../shared/filter/record.ts";
import { withFirewalld } from "./firewalld.ts";
import { leaveZones } from "./zones.ts";

const text = (request: Request, key: string): string => {
  const value = request.configuration.fields.value(key);
  return typeof value === "string" ? value : "";
};

/** What the reference plugin may have made: by the configuration, as far as it can be read. */
function referenceZone(request: Request): string | undefined {
  const isZoned = ["", "firewalld"].includes(text(request, "backend"));
  return isZoned ? text(request, "firewalldZone") || "trusted" : undefined;
}

/** Of an attachment without a record. firewalld is asked as far as possible: a bus that hangs must not keep a container from its end. */
function leaveReferenceZone(request: Request): void {
  const { configuration, environment } = request;
  const zone = referenceZone(request);
  const addresses = (configuration.prevResult?.ips ?? []).map(({ address }) => address);
  if (zone === undefined || addresses.length === 0) return;
  // A late DEL must not take the address from the container that has it now.
  const own = () => unclaimed(attachmentOf(request), "firewall", addresses, environment);
  try {
    withFirewalld(environment, (firewalld) => firewalld?.remove(zone, own()));
  } catch (thrown) {
    if (!(thrown instanceof CniError) || thrown.code !== ErrorCode.tryAgainLater) throw thrown;
  }
}

/** Before the record goes. firewalld forgets sources when it ends, so where it does not run there are none. */
function leaveZone(request: Request, { firewall, addresses = [] }: FilterRecord): void {
  const zone = firewall?.zone;
  if (zone === undefined || addresses.length === 0) return;
  withFirewalld(request.environment, (firewalld) => firewalld?.remove(zone, addresses));
}

export function del(request: Request): void {
  const { configuration, environment } = request;
  const owner = attachmentOf(request);
  const addresses = (configuration.prevResult?.ips ?? []).map(({ address }) => address.address);
  const record = recordOf(owner, "firewall", environment);
  if (record === undefined) leaveReferenceZone(request);
  else leaveZone(request, record);
  removeFilter(owner, "firewall", environment, { hasSiblings: false, addresses });
}

/** Sources go with their records. Those that firewalld has lost, when it was started again for example, come back. */
function collectZones(request: Request, collection: Parameters<typeof sortedRecords>[0]): void {
  const { stale, kept } = sortedRecords(collection, request.environment);
  const isZoned = ({ firewall }: FilterRecord) => firewall?.zone !== undefined;
  if (![...stale, ...kept].some(isZoned)) return;
  withFirewalld(request.environment, (firewalld) => {
    if (firewalld === undefined) return;
    leaveZones(firewalld, stale);
    const steps = kept.map(({ firewall, addresses = [] }) => () => {
      const zone = firewall?.zone;
      if (zone !== undefined && firewalld.missing(zone, addresses) !== undefined)
        firewalld.add(zone, addresses);
    });
    runAll(steps);
  });
}

export function gc(request: Request): void {
  const { configuration, environment } = request;
  const kept = attachmentsToKeep(request);
  runAll([
    () => collectZones(request, { network: configuration.name, kept, kind: "firewall" }),
    () => collectFilter(configuration.name, kept, "firewall", environment),
  ]);
}
