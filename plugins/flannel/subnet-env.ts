/** The file in which flanneld says the node's subnets: lines KEY=VALUE, without quotes. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { type Cidr, networkOf, parseCidr } from "../../shared/ip/cidr.ts";
import { readTextIfPresent } from "../../shared/system/file.ts";
import { isNoFile } from "../../shared/system/own-file.ts";

export interface SubnetEnv {
  /** Of all nodes, IPv4 first. */
  readonly networks: readonly Cidr[];
  /** Of this node, at most one of each family, IPv4 first. */
  readonly subnets: readonly Cidr[];
  readonly mtu: number;
  /** Whether flanneld masquerades what leaves the network. */
  readonly isMasquerading: boolean;
}

type Values = ReadonlyMap<string, string>;

/** The last line of a key counts. */
function valuesOf(text: string): Values {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) values.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return values;
}

class Reader {
  readonly #values: Values;
  readonly #file: string;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#values = valuesOf(text);
  }

  #invalid(key: string, wanted: string): CniError {
    const value = quote(this.#values.get(key) ?? "");
    const advice = "flanneld writes the file: restart it, and look at its log";
    return new CniError(
      ErrorCode.decode,
      `${this.#file}: ${key} is ${value}, which is not ${wanted}`,
      advice,
    );
  }

  /** The parts of a list; an empty value has none. */
  cidrs(key: string, family: 4 | 6): Cidr[] {
    const value = this.#values.get(key) ?? "";
    if (value === "") return [];
    return value.split(",").map((part) => {
      const cidr = parseCidr(part.trim());
      if (cidr?.address.family !== family) throw this.#invalid(key, `an IPv${family} subnet`);
      return networkOf(cidr);
    });
  }

  subnets(key: string, family: 4 | 6): Cidr[] {
    const all = this.cidrs(key, family);
    if (all.length > 1) throw this.#invalid(key, "one subnet");
    return all;
  }

  mtu(key: string): number | undefined {
    const value = this.#values.get(key) ?? "";
    if (value === "") return undefined;
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65535) return Number(value);
    throw this.#invalid(key, "an MTU");
  }

  flag(key: string): boolean | undefined {
    const value = this.#values.get(key) ?? "";
    if (value === "") return undefined;
    if (value === "true" || value === "false") return value === "true";
    throw this.#invalid(key, "true or false");
  }
}

/** Reads the text. Throws code 6 for what is missing or wrong. */
export function parseSubnetEnv(file: string, text: string): SubnetEnv {
  const reader = new Reader(file, text);
  const networks = [...reader.cidrs("FLANNEL_NETWORK", 4), ...reader.cidrs("FLANNEL_IPV6_NETWORK", 6)];
  const subnets = [...reader.subnets("FLANNEL_SUBNET", 4), ...reader.subnets("FLANNEL_IPV6_SUBNET", 6)];
  const mtu = reader.mtu("FLANNEL_MTU");
  const isMasquerading = reader.flag("FLANNEL_IPMASQ");
  const missing = [
    ...(networks.length === 0 ? ["FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK"] : []),
    ...(subnets.length === 0 ? ["FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET"] : []),
    ...(mtu === undefined ? ["FLANNEL_MTU"] : []),
    ...(isMasquerading === undefined ? ["FLANNEL_IPMASQ"] : []),
  ];
  if (mtu !== undefined && isMasquerading !== undefined && missing.length === 0)
    return { networks, subnets, mtu, isMasquerading };
  const advice = "flanneld writes the file: restart it, and look at its log";
  throw new CniError(ErrorCode.decode, `${file} is missing ${missing.join(", ")}`, advice);
}

/** The text of the file; undefined if it is not there, or something else stands there. */
function readFile(file: string): string | undefined {
  try {
    return readTextIfPresent(file);
  } catch (thrown) {
    if (isNoFile(thrown)) return undefined;
    throw thrown;
  }
}

/** Reads the file. Throws code 11 without it, 6 for what is missing or wrong in it. */
export function readSubnetEnv(file: string): SubnetEnv {
  const text = readFile(file);
  if (text !== undefined) return parseSubnetEnv(file, text);
  throw new CniError(
    ErrorCode.tryAgainLater,
    `the file ${file} does not exist: flanneld has not written it yet`,
    'it appears when flanneld runs and has a subnet for this node: look at its log; "subnetFile" names another file',
  );
}
