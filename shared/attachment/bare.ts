/** Networks without IPAM: interfaces that have no addresses. */
import type { Request } from "../cni/plugin.ts";
import { isAtLeast } from "../cni/version.ts";

/** Results before 0.3.0 are lists of addresses. Throws code 7 for a network without IPAM in such a version. */
export function checkResultHasAddress({ configuration }: Request): void {
  const { fields, ipamType, cniVersion } = configuration;
  if (ipamType !== "" || isAtLeast(cniVersion, "0.3.0")) return;
  const advice =
    "a result of this version must hold an address: set cniVersion to 0.3.0 or newer, or add ipam";
  throw fields.invalid("cniVersion", `${cniVersion} allows no network without ipam`, advice);
}
