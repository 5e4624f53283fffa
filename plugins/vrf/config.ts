/** The configuration of vrf. */
import { quote } from "../../shared/cni/error.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { vrfKeys } from "./schema.ts";

export interface VrfConfig {
  readonly name: string;
  /** Undefined: that of the device, or a free one. */
  readonly table: number | undefined;
}

const LARGEST_TABLE = 0xffffffff;
/** The kernel's tables of local addresses and of all other routes: a VRF device with one of them would take them over. */
const reserved = [254, 255];

function readTable(keys: Keyed<typeof vrfKeys>): number | undefined {
  const table = keys.integer("table") ?? 0;
  if (table === 0) return undefined;
  if (table < 0 || table > LARGEST_TABLE)
    throw keys.invalid("table", `is ${table}`, `give a number from 1 to ${LARGEST_TABLE}`);
  if (reserved.includes(table))
    throw keys.invalid("table", `is ${table}, the kernel's own`, "give another number, or remove the key");
  return table;
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readVrf({ configuration }: Request): VrfConfig {
  const keys: Keyed<typeof vrfKeys> = configuration.fields;
  const name = keys.text("vrfname") ?? "";
  if (name === "")
    throw keys.invalid(
      "vrfname",
      "is missing: configuration is expected to have a valid vrf name",
      'such as "vrfname": "blue"',
    );
  const fault = interfaceNameProblem(name);
  if (fault !== undefined) throw keys.invalid("vrfname", `is not an interface name: ${quote(name)}`, fault);
  return { name, table: readTable(keys) };
}
