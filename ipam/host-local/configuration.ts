/** The configuration of host-local: keys, defaults and rules of the reference plugin, and the list `exclude`. */
import { checkFamilies, ipamSection, readRoutes } from "../../shared/cni/ipam-section.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { ResultRoute } from "../../shared/cni/result.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type RangeSet, rangeSetsFrom } from "./range-sets.ts";
import type { hostLocalKeys } from "./schema.ts";

const DEFAULT_DATA_DIR = "/var/lib/cni/networks";
const EXAMPLE = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]]}`;

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

/** Reads the keys that DEL and GC need. An invalid range must not keep them from releasing an address. */
export function readStoreLocation(configuration: NetworkConfiguration): StoreLocation {
  const dataDir = configuration.fields.object("ipam")?.text("dataDir") ?? "";
  return { dataDir: dataDir === "" ? DEFAULT_DATA_DIR : dataDir, network: configuration.name };
}

/**
 * Reads and checks all keys. `canWait`: without a container, the ranges that the runtime gives are not there yet. Throws code 7 for a
 * wrong value, 6 for a wrong type.
 */
export function readHostLocal(configuration: NetworkConfiguration, canWait = false): HostLocalConfiguration {
  const ipam = ipamSection(configuration, EXAMPLE);
  const sets = rangeSetsFrom(configuration, ipam, canWait);
  const families = sets.map(({ ranges }) => ranges[0]?.start.family);
  checkFamilies(configuration, families, `range sets in "ipam.ranges"`);
  const keys: Keyed<typeof hostLocalKeys> = ipam;
  return {
    ...readStoreLocation(configuration),
    sets,
    routes: readRoutes(ipam),
    resolvConf: keys.text("resolvConf") ?? "",
  };
}
