/** The configuration of tuning: keys, and those of args.cni, which replace them. */
import { readMac } from "../../shared/attachment/requested-mac.ts";
import { readArgs } from "../../shared/cni/args.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { tuningKeys } from "./schema.ts";
import { readSysctls, type WantedSysctl } from "./sysctl-keys.ts";

/** Settings of the interface, in the words of the reference plugin's backup files. Undefined: as it is. */
export interface Settings {
  /** Lower case, "aa:bb:cc:dd:ee:ff". */
  readonly mac?: string;
  readonly mtu?: number;
  readonly promisc?: boolean;
  readonly allmulti?: boolean;
  readonly txQLen?: number;
}

export interface Tuning {
  readonly sysctls: readonly WantedSysctl[];
  readonly settings: Settings;
  readonly dataDir: string;
}

const DEFAULT_DATA_DIR = "/run/cni/tuning";

export const SMALLEST_MTU = 68;
export const LARGEST_MTU = 65535;
export const LARGEST_QUEUE = 0xffffffff;

/** As with the reference plugin, args.cni.mac wins over runtimeConfig.mac, that over MAC in CNI_ARGS, and that over `mac`. */
function readWantedMac({ args, configuration }: Request): string | undefined {
  const { fields, cniArgs, runtimeConfig } = configuration;
  for (const source of [cniArgs, runtimeConfig]) {
    const text = source.text("mac") ?? "";
    if (text !== "") return readMac(source, "mac", text);
  }
  const text = (args === "" ? undefined : readArgs(args).mac) ?? fields.text("mac") ?? "";
  return text === "" ? undefined : readMac(fields, "mac", text);
}

function within(fields: Fields, key: string, value: number | undefined, least: number, most: number) {
  if (value === undefined || (value >= least && value <= most)) return value;
  throw fields.invalid(key, `is ${value}`, `give a number from ${least} to ${most}`);
}

function readSettings(request: Request): Settings {
  const { fields, cniArgs } = request.configuration;
  const number = (key: "mtu" | "txQLen", least: number, most: number, none?: number) => {
    const source = cniArgs.value(key) === undefined ? fields : cniArgs;
    const value = source.integer(key);
    return value === none ? undefined : within(source, key, value, least, most);
  };
  const flag = (key: "promisc" | "allmulti") => cniArgs.boolean(key) ?? fields.boolean(key);
  const settings = {
    mac: readWantedMac(request),
    mtu: number("mtu", SMALLEST_MTU, LARGEST_MTU, 0),
    // "promisc": false is the default, and asks for nothing.
    promisc: flag("promisc") === true ? true : undefined,
    allmulti: flag("allmulti"),
    txQLen: number("txQLen", 0, LARGEST_QUEUE),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Where DEL finds the former values. Throws code 6. */
export function readDataDir(fields: Fields): string {
  const keys: Keyed<typeof tuningKeys> = fields;
  return keys.text("dataDir") || DEFAULT_DATA_DIR;
}

/** Reads the configuration. Throws codes 4, 6 and 7. */
export function readTuning(request: Request): Tuning {
  return {
    sysctls: readSysctls(request),
    settings: readSettings(request),
    dataDir: readDataDir(request.configuration.fields),
  };
}
