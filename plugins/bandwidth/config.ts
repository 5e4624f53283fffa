/** The configuration of bandwidth: the limits of both directions, and the networks that they are for. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Cidr, parseCidr } from "../../shared/ip/cidr.ts";
import type { bandwidthKeys } from "./schema.ts";

/** Bytes a second, and bytes. */
export interface Limit {
  readonly rate: number;
  readonly burst: number;
}

export interface Subnets {
  /** Whether they are what is limited, or what is not. */
  readonly areShaped: boolean;
  readonly networks: readonly Cidr[];
}

export interface Bandwidth {
  /** What the container receives. */
  readonly ingress?: Limit;
  /** What it sends. */
  readonly egress?: Limit;
  readonly subnets?: Subnets;
}

type Keys = Keyed<typeof bandwidthKeys>;

const BITS = 8;
/** The kernel counts the bytes of a burst in 32 bits. */
const LARGEST_BURST = 0xffffffff;

type Amount = "ingressRate" | "ingressBurst" | "egressRate" | "egressBurst";

/** Bits as bytes; 0 for an absent key. */
function readBytes(keys: Keys, key: Amount): number {
  const bits = keys.integer(key) ?? 0;
  if (bits === 0) return 0;
  const bytes = Math.floor(bits / BITS);
  if (bytes >= 1) return bytes;
  throw keys.invalid(key, `is ${bits}`, "it is in bits: give 8 or more, or 0 for no limit");
}

/** The messages are the reference plugin's. */
const refusal = (message: string, advice: string) =>
  new CniError(ErrorCode.invalidConfiguration, message, advice);

function readLimit(keys: Keys, rateKey: Amount, burstKey: Amount): Limit | undefined {
  const rate = readBytes(keys, rateKey);
  const burst = readBytes(keys, burstKey);
  if (rate === 0 && burst === 0) return undefined;
  if (burst === 0)
    throw refusal(
      "if rate is set, burst must also be set",
      `"${keys.pathOf(burstKey)}" is missing: give the bits that may pass at once, such as a tenth of ${rateKey}`,
    );
  if (rate === 0)
    throw refusal(
      "if burst is set, rate must also be set",
      `"${keys.pathOf(rateKey)}" is missing: give bits a second, or remove both`,
    );
  if (burst >= LARGEST_BURST)
    throw refusal(
      "burst cannot be more than 4GB",
      `"${keys.pathOf(burstKey)}" is ${keys.integer(burstKey)}: it is in bits, not bytes`,
    );
  return { rate, burst };
}

function readSubnets(keys: Keys): Subnets | undefined {
  const shaped = keys.texts("shapedSubnets") ?? [];
  const unshaped = keys.texts("unshapedSubnets") ?? [];
  if (shaped.length > 0 && unshaped.length > 0)
    throw keys.invalid(
      "shapedSubnets",
      "cannot be set together with unshapedSubnets",
      "all other networks are of the other kind: keep one of the two",
    );
  const areShaped = shaped.length > 0;
  const key = areShaped ? "shapedSubnets" : "unshapedSubnets";
  const networks = (areShaped ? shaped : unshaped).map((text) => {
    const network = parseCidr(text);
    if (network !== undefined) return network;
    throw keys.invalid(key, `has no network: ${quote(text)}`, "such as 10.0.0.0/8");
  });
  return networks.length === 0 ? undefined : { areShaped, networks };
}

function readLimits(keys: Keys): Pick<Bandwidth, "ingress" | "egress"> {
  const ingress = readLimit(keys, "ingressRate", "ingressBurst");
  const egress = readLimit(keys, "egressRate", "egressBurst");
  return { ...(ingress === undefined ? {} : { ingress }), ...(egress === undefined ? {} : { egress }) };
}

const amounts: readonly Amount[] = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"];

/**
 * Reads the configuration. As with the reference plugin, any limit of the configuration itself, if only 0, makes those of runtimeConfig
 * void. Networks of either are for both. Throws codes 6 and 7.
 */
export function readBandwidth({ configuration }: Request): Bandwidth {
  const keys: Keys & Fields = configuration.fields;
  const requested: (Keys & Fields) | undefined = configuration.runtimeConfig.object("bandwidth");
  const isStatic = amounts.some((key) => keys.value(key) !== undefined);
  // Limits that are void are not read: they may be wrong.
  const limits = readLimits(isStatic || requested === undefined ? keys : requested);
  const asked = requested && readSubnets(requested);
  const subnets = readSubnets(keys) ?? asked;
  return { ...limits, ...(subnets === undefined ? {} : { subnets }) };
}

export const isLimited = ({ ingress, egress }: Bandwidth): boolean =>
  ingress !== undefined || egress !== undefined;
