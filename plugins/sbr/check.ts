/** CHECK: each address has its rule, and the table that it leads to has a default route by the gateway. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { ResultIp } from "../../shared/cni/result.ts";
import { formatIp, isSameIp } from "../../shared/ip/address.ts";
import { defaultRoute } from "../../shared/ip/cidr.ts";
import { listRoutes, satisfies } from "../../shared/netlink/route.ts";
import { readSbr, type SbrConfig } from "./config.ts";
import { ownRules, requireIps } from "./interface.ts";

function checkAddress(
  container: Container,
  index: number,
  { address, gateway }: ResultIp,
  config: SbrConfig,
): void {
  const { address: source } = address;
  const { family } = source;
  const rules = ownRules(container, family, config.table);
  const { table } = rules.find((rule) => isSameIp(rule.source, source)) ?? {};
  if (table === undefined) {
    const lookup = config.table === undefined ? "" : ` lookup ${config.table}`;
    throw drift(`the rule from ${formatIp(source)}${lookup} is missing`, RECREATE);
  }
  const by = config.gateways[family] ?? gateway;
  // A configured table is another's.
  if (by === undefined || config.table !== undefined) return;
  const wanted = { destination: defaultRoute(family), gateway: by, table };
  if (listRoutes(container.netlink, { family, index, table }).some((route) => satisfies(route, wanted)))
    return;
  throw drift(`the table ${table} of ${formatIp(source)} has no default route via ${formatIp(by)}`, RECREATE);
}

export function check(request: Request): void {
  const config = readSbr(request);
  const ips = requireIps(requirePrevResult(request), request.ifname);
  const container = openContainer(request);
  try {
    const { index } = requireChainedLink(container, request.ifname, "sbr");
    runAll(ips.map((ip) => () => checkAddress(container, index, ip, config)));
  } finally {
    container.close();
  }
}
