/** The configuration of host-local: keys, defaults and rules of the reference plugin, and the list `exclude`. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { ResultRoute } from "../../shared/cni/result.ts";
import { readRoute } from "../../shared/cni/result-input.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { isAtLeast } from "../../shared/cni/version.ts";
import type { Family } from "../../shared/ip/address.ts";
import { type RangeSet, rangeSetsFrom } from "./range-sets.ts";
import type { hostLocalKeys } from "./schema.ts";

const DEFAULT_DATA_DIR = "/var/lib/cni/networks";

/** The location of a network's reservations. */
export interface StoreLocation {
  readonly dataDir: string;
  readonly network: string;
}

export interface HostLocalConfiguration extends StoreLocation {
  readonly sets: readonly RangeSet[];
  readonly routes: readonly ResultRoute[];
  /** A file in the format of resolv.conf(5) for the result's DNS part; empty for none. */
  readonly resolvConf: string;
}

function ipamOf({ fields }: NetworkConfiguration): Fields {
  const ipam = fields.object("ipam");
  if (ipam !== undefined) return ipam;
  const advice = `add "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]]}`;
  throw new CniError(ErrorCode.invalidConfiguration, "IPAM config missing 'ipam' key", advice);
}

/** Reads the keys that DEL and GC need. An invalid range must not keep them from releasing an address. */
export function readStoreLocation(configuration: NetworkConfiguration): StoreLocation {
  const dataDir = configuration.fields.object("ipam")?.text("dataDir") ?? "";
  return { dataDir: dataDir === "" ? DEFAULT_DATA_DIR : dataDir, network: configuration.name };
}

function readRoutes(ipam: Fields): ResultRoute[] {
  const keys: Keyed<typeof hostLocalKeys> = ipam;
  const text = keys.list("routes")?.findIndex((route) => typeof route === "string") ?? -1;
  if (text >= 0) {
    const path = keys.pathOf(`routes[${text}]`);
    const advice = `write {"dst": ${quote(keys.list("routes")?.[text])}}`;
    throw new CniError(ErrorCode.decode, `"${path}" must be an object, but it is a string`, advice);
  }
  const routes: ResultRoute[] = [];
  for (const route of keys.objects("routes") ?? []) routes.push(readRoute(route));
  return routes;
}

/**
 * Reads and checks all keys. `canWait`: without a container, the ranges that the runtime gives are not there yet. Throws code 7 for a
 * wrong value, 6 for a wrong type.
 */
export function readHostLocal(configuration: NetworkConfiguration, canWait = false): HostLocalConfiguration {
  const ipam = ipamOf(configuration);
  const sets = rangeSetsFrom(configuration, ipam, canWait);
  checkFamilies(configuration, sets);
  const keys: Keyed<typeof hostLocalKeys> = ipam;
  return {
    ...readStoreLocation(configuration),
    sets,
    routes: readRoutes(ipam),
    resolvConf: keys.text("resolvConf") ?? "",
  };
}

/** Results before 0.3.0 have at most one "ip4" and one "ip6". */
function checkFamilies({ cniVersion }: NetworkConfiguration, sets: readonly RangeSet[]): void {
  if (isAtLeast(cniVersion, "0.3.0")) return;
  const count = (family: Family) => sets.filter(({ ranges }) => ranges[0]?.start.family === family).length;
  if (count(4) <= 1 && count(6) <= 1) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `CNI version ${cniVersion} does not support more than 1 address per family`,
    `"ipam.ranges" has ${count(4)} IPv4 and ${count(6)} IPv6 range sets: remove some, or set cniVersion to 0.3.0 or newer`,
  );
}
