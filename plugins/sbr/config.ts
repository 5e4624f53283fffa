/** The configuration of sbr. */
import { quote } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Family, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { sbrKeys } from "./schema.ts";

export interface SbrConfig {
  /** Undefined: a free table for each address. */
  readonly table: number | undefined;
  readonly gateways: Readonly<Partial<Record<Family, IpAddress>>>;
  readonly addSourceHints: boolean;
}

const LARGEST_TABLE = 0xffffffff;

function readTable(keys: Keyed<typeof sbrKeys>): number | undefined {
  const table = keys.integer("table");
  if (table === undefined || (table >= 1 && table <= LARGEST_TABLE)) return table;
  throw keys.invalid(
    "table",
    `is ${table}`,
    `give the number of a routing table, from 1 to ${LARGEST_TABLE}`,
  );
}

function readGateways(keys: Keyed<typeof sbrKeys>): SbrConfig["gateways"] {
  const texts = keys.texts("gateways") ?? [];
  if (texts.length > 2)
    throw keys.invalid("gateways", "list cannot contain more than 2 entries", "give one of each family");
  const gateways: Partial<Record<Family, IpAddress>> = {};
  for (const text of texts) {
    const gateway = parseIp(text);
    if (gateway === undefined)
      throw keys.invalid(
        "gateways",
        `contains an invalid static gateway IP address: ${quote(text)}`,
        "such as 10.1.0.1",
      );
    const { family } = gateway;
    if (gateways[family] !== undefined)
      throw keys.invalid("gateways", `contains multiple IPv${family} addresses`, "give one of each family");
    gateways[family] = gateway;
  }
  return gateways;
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readSbr({ configuration }: Request): SbrConfig {
  const keys: Keyed<typeof sbrKeys> = configuration.fields;
  return {
    table: readTable(keys),
    gateways: readGateways(keys),
    addSourceHints: keys.boolean("addSourceHints") ?? false,
  };
}
