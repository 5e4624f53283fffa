/** The interface in the container: its addresses in the result, and its routes. */
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { type KernelRoute, listRoutes } from "../../shared/netlink/route.ts";

export const MAIN_TABLE = 254;
export const families = [4, 6] as const;

/** The addresses of the interface in the result; one without an interface is taken for its own, as with the reference plugin. */
export function ipsOfInterface({ interfaces, ips }: Result, ifname: string): ResultIp[] {
  return ips.filter(({ interface: index }) => index === undefined || interfaces[index]?.name === ifname);
}

/** The same. Throws code 7 without any. */
export function requireIps(result: Result, ifname: string): ResultIp[] {
  const ips = ipsOfInterface(result, ifname);
  if (ips.length > 0) return ips;
  const message = `No IP addresses supplied on interface ${quote(ifname)}`;
  const advice = "an earlier plugin of the chain must give addresses: put sbr after it";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** The routes of the interface in the main table. */
export function mainRoutes({ netlink }: Container, index: number): KernelRoute[] {
  return families.flatMap((family) => listRoutes(netlink, { family, index, table: MAIN_TABLE }));
}
