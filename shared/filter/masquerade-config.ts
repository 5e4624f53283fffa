/** The configuration keys of masquerade: ipMasq, ipMasqBackend and nonMasqueradeCIDRs. */
import { quote } from "../cni/error.ts";
import type { Fields } from "../cni/fields.ts";
import { type Cidr, formatCidr, isSameCidr, networkOf, parseCidr } from "../ip/cidr.ts";
import { CidrTable } from "../ip/cidr-table.ts";
import { type Backend, readBackend } from "./backend.ts";

export interface MasqueradeConfig {
  readonly enabled: boolean;
  /** Undefined: nftables where the kernel has it. */
  readonly backend: Backend | undefined;
  /** Networks to which traffic keeps its source address, none inside another. */
  readonly exceptions: readonly Cidr[];
}

const KEY = "nonMasqueradeCIDRs";

function readNetwork(fields: Fields, text: string, index: number): Cidr {
  const cidr = parseCidr(text);
  const key = `${KEY}[${index}]`;
  if (cidr === undefined) {
    throw fields.invalid(key, `is no network: ${quote(text)}`, "write it as 192.168.0.0/16 or fd00::/8");
  }
  const network = networkOf(cidr);
  if (isSameCidr(network, cidr)) return cidr;
  throw fields.invalid(key, `has host bits set: ${quote(text)}`, `its network is ${formatCidr(network)}`);
}

/** Reads the keys. Throws codes 6 and 7. */
export function readMasquerade(fields: Fields): MasqueradeConfig {
  const networks = (fields.texts(KEY) ?? []).map((text, index) => readNetwork(fields, text, index));
  // Two networks are apart, or one is inside the other: the larger one says it all.
  const table = new CidrTable<Cidr>();
  const distinct = networks.filter((cidr) => table.add(cidr, cidr) === undefined);
  const exceptions = distinct.filter((cidr) => table.findHolder(cidr, "wider") === undefined);
  return {
    enabled: fields.boolean("ipMasq") ?? false,
    backend: readBackend(fields, "ipMasqBackend"),
    exceptions,
  };
}
