/** What the configurations of IPAM plugins have in common: the section `ipam`, its routes, and the limit of old results. */
import type { Family } from "../ip/address.ts";
import { CniError, ErrorCode, quote } from "./error.ts";
import type { Fields } from "./fields.ts";
import type { NetworkConfiguration } from "./plugin.ts";
import type { ResultRoute } from "./result.ts";
import { readRoute } from "./result-input.ts";
import { isAtLeast } from "./version.ts";

/** The section `ipam`. Throws code 7 without it; `example` is the text to add. */
export function ipamSection({ fields }: NetworkConfiguration, example: string): Fields {
  const ipam = fields.object("ipam");
  if (ipam !== undefined) return ipam;
  throw new CniError(ErrorCode.invalidConfiguration, "IPAM config missing 'ipam' key", `add ${example}`);
}

/** The routes of the section. Throws code 6 for a wrong type, 7 for a wrong address. */
export function readRoutes(ipam: Fields): ResultRoute[] {
  const routes = ipam.list("routes") ?? [];
  const text = routes.findIndex((route) => typeof route === "string");
  if (text >= 0) {
    const path = ipam.pathOf(`routes[${text}]`);
    const advice = `write {"dst": ${quote(routes[text])}}`;
    throw new CniError(ErrorCode.decode, `"${path}" must be an object, but it is a string`, advice);
  }
  return (ipam.objects("routes") ?? []).map(readRoute);
}

/**
 * Results before 0.3.0 have at most one "ip4" and one "ip6". `families` are those of the addresses, `what` names them in the error:
 * "range sets". Throws code 7.
 */
export function checkFamilies(
  { cniVersion }: NetworkConfiguration,
  families: readonly (Family | undefined)[],
  what: string,
): void {
  if (isAtLeast(cniVersion, "0.3.0")) return;
  const count = (wanted: Family) => families.filter((family) => family === wanted).length;
  if (count(4) <= 1 && count(6) <= 1) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `CNI version ${cniVersion} does not support more than 1 address per family`,
    `there are ${count(4)} IPv4 and ${count(6)} IPv6 ${what}: remove some, or set cniVersion to 0.3.0 or newer`,
  );
}
