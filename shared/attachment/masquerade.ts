/** Masquerade as a step of ADD, and as a question of CHECK and STATUS. */
import { attachmentOf, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import type { Cidr } from "../ip/cidr.ts";
import {
  checkMasquerade,
  ensureMasquerade,
  forgetAddresses,
  prepareMasquerade,
  removeMasquerade,
} from "../netfilter/masquerade.ts";
import type { MasqueradeConfig } from "../netfilter/masquerade-config.ts";
import type { Rollback } from "../rollback.ts";

/** Throws if the node cannot do what the configuration asks for. Changes nothing. */
export function refuseImpossibleMasquerade(request: Request, config: MasqueradeConfig): void {
  const { configuration, environment } = request;
  if (config.enabled && configuration.ipamType !== "") prepareMasquerade(config.backend, environment);
}

/** Masquerades the addresses, or sees to it that they are not: their last owner may have left that behind. */
export function applyMasquerade(
  request: Request,
  config: MasqueradeConfig,
  addresses: readonly Cidr[],
  undo: Rollback,
): void {
  if (!config.enabled) {
    forgetAddresses(addresses.map((cidr) => cidr.address));
    return;
  }
  if (addresses.length === 0) return;
  const owner = attachmentOf(request);
  const { environment } = request;
  undo.onFailure(() => removeMasquerade({ owner, hasSiblings: true, environment }));
  step("masquerade", () => ensureMasquerade({ ...config, owner, addresses, environment }));
}

/** Throws if the addresses should be masqueraded and are not. */
export function checkApplied(request: Request, config: MasqueradeConfig, addresses: readonly Cidr[]): void {
  if (!config.enabled || addresses.length === 0) return;
  const { environment } = request;
  checkMasquerade({ ...config, owner: attachmentOf(request), addresses, environment });
}
