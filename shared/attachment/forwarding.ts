/** The node as a router, for the families that have addresses. */
import { CniError, causeOf, ErrorCode } from "../cni/error.ts";
import type { Family } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLinkByIndex } from "../netlink/link.ts";
import { linksWithAdvertisedRoutes } from "../netlink/route.ts";
import { isSysctlWritable, readSysctl, setSharedSysctl, setSysctl } from "../system/sysctl.ts";
import { drift } from "./check.ts";

const switches = { 4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding" } as const;

/**
 * A forwarding node ignores router advertisements, and drops the default routes that it learned from them, unless the interface's
 * accept_ra is 2 (Documentation/networking/ip-sysctl.rst). Sets it to 2 on interfaces with learned routes.
 */
function keepAdvertisedRoutes(host: NetlinkConnection): void {
  for (const index of linksWithAdvertisedRoutes(host)) {
    const name = findLinkByIndex(host, index)?.name;
    if (name === undefined) continue;
    const key = `ipv6/conf/${name}/accept_ra`;
    if (readSysctl(key) === "1") setSysctl(key, "2");
  }
}

/** Switches forwarding on for the node, for good. Throws code 5 with the sysctl to set. */
export function enableForwarding(host: NetlinkConnection, families: readonly Family[]): void {
  for (const family of families) {
    const key = switches[family];
    if (readSysctl(key) === "1") continue;
    try {
      if (family === 6) keepAdvertisedRoutes(host);
      setSharedSysctl(key, "1");
    } catch (thrown) {
      if (thrown instanceof CniError) throw thrown;
      const advice = `run: sysctl -w net.${key.replaceAll("/", ".")}=1 (${causeOf(thrown)})`;
      throw new CniError(ErrorCode.io, `could not switch on IPv${family} forwarding`, advice, thrown);
    }
  }
}

/** STATUS: throws code 50 with the sysctl to set if enableForwarding would fail. Changes nothing. */
export function checkSwitchable(families: readonly Family[]): void {
  for (const family of families) {
    const key = switches[family];
    if (readSysctl(key) === "1" || isSysctlWritable(key)) continue;
    const advice = `run: sysctl -w net.${key.replaceAll("/", ".")}=1, or mount /proc/sys writable`;
    const message = `IPv${family} forwarding is off on this node, and podwire cannot switch it on`;
    throw new CniError(ErrorCode.notAvailable, message, advice);
  }
}

/** Throws if forwarding of the family is off on the node or on the interface. */
export function checkForwarding(family: Family, interfaceName: string): void {
  for (const key of [switches[family], `ipv${family}/conf/${interfaceName}/forwarding`]) {
    if (readSysctl(key) === "1") continue;
    const where = key === switches[family] ? "this node" : interfaceName;
    const advice = `sysctl -w net.${key.replaceAll("/", ".")}=1 repairs it`;
    throw drift(`IPv${family} forwarding is off on ${where}`, advice);
  }
}
