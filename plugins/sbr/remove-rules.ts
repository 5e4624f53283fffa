/** Rules of source addresses, removed. */
import type { Container } from "../../shared/cni/container.ts";
import { type IpAddress, isSameIp } from "../../shared/ip/address.ts";
import { deleteRule, listRules } from "../../shared/netlink/rule.ts";
import { Errno } from "../../shared/system/errno.ts";
import { families } from "./interface.ts";

/** Removes the rules for packets from these addresses; only those that lead to `table`, if it is given. */
export function removeRules({ netlink }: Container, sources: readonly IpAddress[], table?: number): void {
  for (const family of families) {
    if (!sources.some((source) => source.family === family)) continue;
    for (const rule of listRules(netlink, family)) {
      const source = sources.find((each) => rule.source !== undefined && isSameIp(each, rule.source));
      if (source === undefined || (table !== undefined && rule.table !== table)) continue;
      netlink.attempt(deleteRule({ source, table: rule.table }, rule.priority), Errno.ENOENT);
    }
  }
}
