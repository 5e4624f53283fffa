/** The configuration of flannel: keys, defaults and rules of flannel's own plugin. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { flannelKeys } from "./schema.ts";

export interface FlannelConfig {
  readonly subnetFile: string;
  /** Where DEL finds what ADD has kept. */
  readonly dataDir: string;
  /** The plugin that makes the interface. */
  readonly type: string;
  readonly delegate: JsonObject;
  readonly ipam: JsonObject;
}

const DEFAULT_SUBNET_FILE = "/run/flannel/subnet.env";
const DEFAULT_DATA_DIR = "/var/lib/cni/flannel";

/** The keys of the delegate that flannel makes. */
const madeKeys = ["name", "ipam"] as const;

const keysOf = ({ fields }: NetworkConfiguration): Keyed<typeof flannelKeys> => fields;

/** An object of the configuration; empty if it is absent. Throws code 6 for another type. */
function objectOf(configuration: NetworkConfiguration, key: "delegate" | "ipam"): JsonObject {
  const keys = keysOf(configuration);
  keys.object(key);
  const value = keys.value(key);
  return isObject(value) ? value : {};
}

/** Where DEL finds what ADD has kept. Throws code 6. */
export function readDataDir(configuration: NetworkConfiguration): string {
  return keysOf(configuration).text("dataDir") || DEFAULT_DATA_DIR;
}

/** Whether a text is the plain name of an executable. */
export const isPlainName = (type: string): boolean => /^[^/\0]+$/.test(type) && !type.includes("..");

function readType(fields: Fields): string {
  const type = fields.text("type") ?? "bridge";
  if (isPlainName(type)) return type;
  throw fields.invalid("type", `is ${quote(type)}`, 'give the plain name of a plugin, such as "bridge"');
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readFlannel(configuration: NetworkConfiguration): FlannelConfig {
  const delegate = objectOf(configuration, "delegate");
  const fields = new Fields(delegate, "delegate");
  const made = madeKeys.find((key) => fields.value(key) !== undefined);
  if (made !== undefined) {
    const advice = made === "ipam" ? `write "ipam" beside "delegate"` : "the delegate has the network's name";
    const message = `"delegate.${made}" must not be there: flannel makes it`;
    throw new CniError(ErrorCode.invalidConfiguration, message, advice);
  }
  return {
    subnetFile: keysOf(configuration).text("subnetFile") || DEFAULT_SUBNET_FILE,
    dataDir: readDataDir(configuration),
    type: readType(fields),
    delegate,
    ipam: objectOf(configuration, "ipam"),
  };
}
