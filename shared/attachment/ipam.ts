/** Addresses from the IPAM plugin. */
import { delegateAdd, delegateDel } from "../cni/delegate.ts";
import type { Request } from "../cni/plugin.ts";
import { emptyResult, type Result, type ResultIp } from "../cni/result.ts";
import { isUnspecified } from "../ip/address.ts";
import type { Rollback } from "../rollback.ts";

/** 0.0.0.0 and :: stand for no gateway. */
function withoutUnspecified({ gateway, ...ip }: ResultIp): ResultIp {
  return gateway === undefined || isUnspecified(gateway) ? ip : { ...ip, gateway };
}

/** IPAM plugins that ask on the interface itself, by their names: it is not known in which folder another executable is. */
const askOnInterface: readonly string[] = ["dhcp"];

/** Whether IPAM can be asked only when the interface is up, and gives addresses back only while it is. */
export const needsInterface = ({ configuration }: Request): boolean =>
  askOnInterface.includes(configuration.ipamType);

/** Asks IPAM for addresses. A later failure gives them back. Without IPAM the result is empty. */
export function allocate(request: Request, undo: Rollback): Result {
  const { ipamType } = request.configuration;
  if (ipamType === "") return emptyResult;
  const result = delegateAdd(request, ipamType);
  undo.onFailure(() => delegateDel(request, ipamType));
  return { ...result, ips: result.ips.map(withoutUnspecified) };
}
