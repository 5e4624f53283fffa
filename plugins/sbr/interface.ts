/** The interface in the container: its addresses in the result, and its routes. */
import { kernelTables } from "../../shared/attachment/routing-tables.ts";
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import type { Family, IpAddress } from "../../shared/ip/address.ts";
import { type KernelRoute, listRoutes } from "../../shared/netlink/route.ts";
import { listRules, type Rule } from "../../shared/netlink/rule.ts";
import { OWN_PROTOCOL } from "./plan.ts";

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

export interface OwnRule extends Rule {
  readonly source: IpAddress;
}

/**
 * The rules that sbr, or the reference plugin, may have made: those by which a single source address alone leads to a table other than the
 * kernel's own. ip(8) and routing daemons say of theirs who made them.
 */
export function ownRules({ netlink }: Container, family: Family, table: number | undefined): OwnRule[] {
  return listRules(netlink, family).flatMap((rule) => {
    const { source, protocol } = rule;
    const isOwn = protocol === 0 || protocol === OWN_PROTOCOL;
    const leadsThere = table === undefined ? !kernelTables.includes(rule.table) : rule.table === table;
    return source !== undefined && isOwn && leadsThere ? [{ ...rule, source }] : [];
  });
}

/** The routes of the interface in the main table. */
export function mainRoutes({ netlink }: Container, index: number): KernelRoute[] {
  return families.flatMap((family) => listRoutes(netlink, { family, index, table: MAIN_TABLE }));
}
