/** The packet filter as a step of ADD, and as a question of CHECK and STATUS, for plugins that make an interface. */
import { attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { checkFilter, prepareFilter, type Wanted } from "../filter/choice.ts";
import { applyFilter, clearFilter, removeFilter } from "../filter/filter.ts";
import type { MasqueradeConfig } from "../filter/masquerade-config.ts";
import type { SpoofCheck } from "../filter/record.ts";
import { checkFilterStatus } from "../filter/status.ts";
import { type Cidr, parseCidr } from "../ip/cidr.ts";
import type { Rollback } from "../rollback.ts";
import { livenessFor } from "./recovered.ts";

/** What a configuration asks of the packet filter. */
export interface FilterConfig {
  readonly masquerade: MasqueradeConfig;
  readonly spoofCheck?: SpoofCheck;
}

const isEmpty = ({ masquerade, spoofCheck }: Wanted) => masquerade === undefined && spoofCheck === undefined;

function wantedOf(
  request: Request,
  { masquerade, spoofCheck }: FilterConfig,
  addresses: readonly Cidr[],
): Wanted {
  const { enabled, exceptions, backend } = masquerade;
  return {
    owner: attachmentOf(request),
    kind: "interface",
    backend,
    addresses,
    ...(enabled && addresses.length > 0 ? { masquerade: { addresses, exceptions } } : {}),
    ...(spoofCheck === undefined ? {} : { spoofCheck }),
  };
}

/** An address of each documentation network (RFC 5737, RFC 3849). */
const samples = ["192.0.2.2/24", "2001:db8::2/64"].map((text) => parseCidr(text) as Cidr);

/** Throws if the node cannot do what the configuration asks for. Changes nothing. */
export const validateFilter = (request: Request, config: MasqueradeConfig, isSpoofChecked = false): void =>
  askFilter(request, config, isSpoofChecked, prepareFilter);

/** STATUS: the same, and whether the records can be written. */
export const checkFilterNow = (request: Request, config: MasqueradeConfig, isSpoofChecked = false): void =>
  askFilter(request, config, isSpoofChecked, checkFilterStatus);

function askFilter(
  request: Request,
  config: MasqueradeConfig,
  isSpoofChecked: boolean,
  ask: typeof prepareFilter,
): void {
  const { configuration, environment } = request;
  const addresses = configuration.ipamType === "" ? [] : samples;
  const sample = { spoofCheck: { port: "lo", mac: "02:00:00:00:00:01" } };
  const wanted = wantedOf(request, { masquerade: config, ...(isSpoofChecked ? sample : {}) }, addresses);
  if (!isEmpty(wanted)) ask(wanted, environment);
}

/** Puts the rules in place. Without any, those that a dead container left at the addresses go. */
export function applyFilters(
  request: Request,
  config: FilterConfig,
  addresses: readonly Cidr[],
  undo: Rollback,
): void {
  const { environment } = request;
  const wanted = wantedOf(request, config, addresses);
  const taking = livenessFor(request);
  if (isEmpty(wanted)) {
    if (addresses.length === 0) return;
    clearFilter(wanted, environment, taking);
    return;
  }
  // A failure of its own applyFilter undoes itself.
  step("filter", () => applyFilter(wanted, environment, taking));
  undo.onFailure(() => void removeFilter(wanted.owner, wanted.kind, environment, { hasSiblings: true }));
}

/** Throws if rules that the configuration asks for are not in place. */
export function checkFilters(request: Request, config: FilterConfig, addresses: readonly Cidr[]): void {
  const wanted = wantedOf(request, config, addresses);
  if (!isEmpty(wanted)) checkFilter(wanted, request.environment);
}
