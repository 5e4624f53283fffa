/** Profiles: what ports have in common that are looked up alike, with the names of their maps and chains. Pure. */
import type { Family } from "../../../shared/ip/address.ts";
import type { HeldRule } from "../../../shared/netfilter/nftables/message.ts";
import { addressTypes } from "../../../shared/netfilter/nftables/own-table.ts";
import { dataTypes, type SetSpecification } from "../../../shared/netfilter/nftables/set.ts";
import { sha512 } from "../../../shared/system/hash.ts";
import type { Forwarding } from "../adaptor.ts";
import { DEFAULT_MARK_BIT } from "../config.ts";
import { hairpinSets } from "./hairpin-rules.ts";

const families: readonly Family[] = [4, 6];

type Conditions = Forwarding["conditions"];

/** Ports that are looked up alike. */
export interface Profile {
  /** What its maps and chains end in: nothing for the usual one. */
  readonly suffix: string;
  readonly markBit: number;
  readonly conditions: Conditions;
}

export function profileOf({ markBit, conditions }: Forwarding): Profile {
  const isUsual = markBit === DEFAULT_MARK_BIT && conditions[4].length === 0 && conditions[6].length === 0;
  const text = JSON.stringify([markBit, conditions[4], conditions[6]]);
  return { suffix: isUsual ? "" : `-${sha512(text).slice(0, 8)}`, markBit, conditions };
}

/** What a port is looked up by beside the protocol: the address too, or only the port. */
export type Precision = "address" | "any";
export const precisions: readonly Precision[] = ["address", "any"];

export function mapName(family: Family, precision: Precision, suffix: string): string {
  return `hostports${family}-${precision}${suffix}`;
}

/** The maps of a profile. */
export function mapNames(suffix: string): string[] {
  return families.flatMap((family) => precisions.map((precision) => mapName(family, precision, suffix)));
}

/** The sets and maps that a profile needs. */
export function setsOf({ suffix }: Profile): SetSpecification[] {
  const { transportProtocol, port } = dataTypes;
  return families.flatMap((family): SetSpecification[] => {
    const address = addressTypes[family];
    const value = [address, port];
    return [
      {
        name: mapName(family, "address", suffix),
        key: [transportProtocol, address, port],
        value,
        comment: "ports of one address of the host, and where they lead",
      },
      {
        name: mapName(family, "any", suffix),
        key: [transportProtocol, port],
        value,
        comment: "ports of the host, and where they lead",
      },
      ...hairpinSets(family),
    ];
  });
}

export const chainName = (precision: Precision, suffix: string): string => `to-${precision}${suffix}`;
export const DISPATCH = { address: "hostports-address", any: "hostports-any" } as const;

const PROFILE_START = "hostports";

/** What the comments of a profile's rules begin with. */
export const startOf = (suffix: string): string => `${PROFILE_START}${suffix}: `;

/** The suffixes of all profiles there are. */
export function suffixesOf(held: readonly HeldRule[]): string[] {
  const found = held.flatMap(({ chain, comment }) => {
    if (chain !== DISPATCH.any || !comment.startsWith(PROFILE_START)) return [];
    return [comment.slice(PROFILE_START.length, comment.indexOf(":"))];
  });
  return [...new Set(found)];
}
