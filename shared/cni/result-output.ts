/** Writes a result in the format of a version of the specification. */
import { type Family, formatIp } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { JsonObject } from "./fields.ts";
import type { ResultRoute } from "./result.ts";
import { type Dns, isEmptyDns, type Result, type ResultInterface, type ResultIp } from "./result.ts";
import { type CniVersion, isAtLeast } from "./version.ts";

/** An empty list or text counts as absent, as for the specification's optional keys. */
function writeDns(dns: Dns): JsonObject {
  return Object.fromEntries(Object.entries(dns).filter(([, value]) => (value?.length ?? 0) > 0));
}

/**
 * mtu, advmss, priority, table and scope are of 1.1.0, but written in older versions too: without them the route would
 * differ.
 */
function writeRoute(route: ResultRoute): JsonObject {
  const { destination, gateway, ...attributes } = route;
  return {
    dst: formatCidr(destination),
    ...(gateway === undefined ? {} : { gw: formatIp(gateway) }),
    ...attributes,
  };
}

/** mtu, socketPath and pciID are of 1.1.0. */
function writeInterface(item: ResultInterface, version: CniVersion): JsonObject {
  if (isAtLeast(version, "1.1.0")) return { ...item };
  const { name, mac, sandbox } = item;
  return {
    name,
    ...(mac === undefined ? {} : { mac }),
    ...(sandbox === undefined ? {} : { sandbox }),
  };
}

function writeIp(ip: ResultIp, version: CniVersion): JsonObject {
  return {
    ...(isAtLeast(version, "1.0.0") ? {} : { version: String(ip.address.address.family) }),
    ...(ip.interface === undefined ? {} : { interface: ip.interface }),
    address: formatCidr(ip.address),
    ...(ip.gateway === undefined ? {} : { gateway: formatIp(ip.gateway) }),
  };
}

/** 0.1.0 and 0.2.0 have one address per family, and no interfaces. */
function writeOldFamily(result: Result, family: Family): JsonObject {
  const ip = result.ips.find((item) => item.address.address.family === family);
  if (ip === undefined) return {};
  const routes = result.routes.filter((route) => route.destination.address.family === family);
  return {
    [`ip${family}`]: {
      ip: formatCidr(ip.address),
      ...(ip.gateway === undefined ? {} : { gateway: formatIp(ip.gateway) }),
      ...(routes.length === 0
        ? {}
        : {
            routes: routes.map((route) => ({
              dst: formatCidr(route.destination),
              ...(route.gateway === undefined ? {} : { gw: formatIp(route.gateway) }),
            })),
          }),
    },
  };
}

function writeOld(result: Result, version: CniVersion): JsonObject {
  if (result.ips.length === 0) {
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `a result without an address cannot be written in version ${version}`,
      "set cniVersion to 0.3.0 or newer, or give the network an ipam section",
    );
  }
  return {
    cniVersion: version,
    ...writeOldFamily(result, 4),
    ...writeOldFamily(result, 6),
    dns: writeDns(result.dns),
  };
}

/** The result as JSON of `version`. Throws code 7 if that version cannot express it (no address at all). */
export function writeResult(result: Result, version: CniVersion): JsonObject {
  if (!isAtLeast(version, "0.3.0")) return writeOld(result, version);
  const always = !isAtLeast(version, "1.0.0");
  return {
    cniVersion: version,
    ...(result.interfaces.length === 0
      ? {}
      : { interfaces: result.interfaces.map((item) => writeInterface(item, version)) }),
    ...(result.ips.length === 0 ? {} : { ips: result.ips.map((ip) => writeIp(ip, version)) }),
    ...(result.routes.length === 0 ? {} : { routes: result.routes.map(writeRoute) }),
    // Versions before 1.0.0 require the key.
    ...(always || !isEmptyDns(result.dns) ? { dns: writeDns(result.dns) } : {}),
  };
}
