/**
 * Masquerade in our table, as data. Pure.
 *
 * The addresses of one network are one set, and one rule in the base chain asks it; so neither a packet nor an ADD pays
 * for the attachments there are. The rule sends what matches to a chain of that network, which lets through unchanged
 * what stays in the network or goes where the configuration says, and masquerades the rest. What grows is the number of
 * rules with the number of networks. The set `attachments` tells which addresses an attachment has.
 */

import { ownerComment } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { type Family, formatIp, type IpAddress, parseIp, toBytes } from "../../ip/address.ts";
import { type Cidr, formatCidr, isSingle, networkOf, parseCidr } from "../../ip/cidr.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { sha512 } from "../../system/hash.ts";
import { decodeText, encodeText } from "../../system/text.ts";
import { type ChainSpecification, putInOrder } from "./chain.ts";
import type { HeldElement } from "./element.ts";
import { decide, lookup, masquerade, registerAt, Verdict } from "./expression.ts";
import type { HeldRule, Rule } from "./message.ts";
import {
  addressTypes,
  loadAddress,
  matchFamily,
  matchNetwork,
  natHooks,
  newOwnTable,
  ownTable,
} from "./own-table.ts";
import { dataTypes, type HeldSet, newSet, type SetSpecification } from "./set.ts";
import { textDatum, type UserDatum } from "./user-data.ts";

export const BASE_CHAIN = "postrouting";

export const attachments: SetSpecification = {
  name: "attachments",
  key: [dataTypes.interfaceName],
  comment: "who is masqueraded: the host's interface, and its owner",
};

/** A network whose addresses are masqueraded alike. */
export interface Profile {
  readonly family: Family;
  /** The networks to which addresses stay as they are; the own one first, if the addresses are in any. */
  readonly unchanged: readonly string[];
  /** The set of its addresses, and the chain they are sent to. */
  readonly set: string;
  readonly chain: string;
}

const setStarts: Readonly<Record<Family, string>> = { 4: "pods4-", 6: "pods6-" };
const families: readonly Family[] = [4, 6];

/** The chain for the addresses in a set. */
export function chainOf(set: string): string {
  return set.replace("pods", "from");
}

/** The profile of an address: nft takes no colon in names. */
export function profileOf(cidr: Cidr, exceptions: readonly Cidr[]): Profile {
  const { family } = cidr.address;
  const own = isSingle(cidr) ? [] : [formatCidr(networkOf(cidr))];
  const others = exceptions.filter((network) => network.address.family === family).map(formatCidr);
  const place = (own[0] ?? "single").replaceAll(":", "_");
  const suffix = others.length === 0 ? "" : `-${sha512(others.join(" ")).slice(0, 8)}`;
  const set = setStarts[family] + place + suffix;
  return { family, unchanged: [...own, ...others], set, chain: chainOf(set) };
}

const multicast: Readonly<Record<Family, Cidr>> = {
  4: parseCidr("224.0.0.0/4") as Cidr,
  6: parseCidr("ff00::/8") as Cidr,
};

/** Between the profile's set and the networks it leaves unchanged, in the comment of its rule. */
const EXCEPT = " leave with the address of this node, except to ";
const NOWHERE = "nowhere";

/** At most 128 characters, as nft allows; the chain has the whole list. */
function profileComment({ set, unchanged }: Profile): string {
  const list = unchanged.join(" ");
  const room = 128 - set.length - EXCEPT.length;
  return set + EXCEPT + (list === "" ? NOWHERE : list.length > room ? "several networks" : list);
}

const multicastRules: readonly Rule[] = families.map((family) => ({
  comment: `multicast keeps its source address (IPv${family})`,
  expressions: [...matchNetwork("destination", multicast[family]), decide({ code: Verdict.return })],
}));

function profileRule(profile: Profile): Rule {
  const { family, set, chain } = profile;
  return {
    comment: profileComment(profile),
    expressions: [
      ...matchFamily(family),
      loadAddress("source", family),
      lookup(set, registerAt(0)),
      decide({ code: Verdict.goto, chain }),
    ],
  };
}

function chainRules({ unchanged }: Profile): Rule[] {
  const kept = unchanged.flatMap((text): Rule[] => {
    const network = parseCidr(text);
    if (network === undefined) return [];
    const expressions = [...matchNetwork("destination", network), decide({ code: Verdict.return })];
    return [{ comment: `to ${text} nothing changes`, expressions }];
  });
  return [...kept, { comment: "all else leaves with the address of this node", expressions: [masquerade()] }];
}

/** The chains that these networks need. */
export function chainsOf(profiles: readonly Profile[]): ChainSpecification[] {
  return [
    {
      name: BASE_CHAIN,
      hook: natHooks.postrouting,
      first: multicastRules,
      others: profiles.map(profileRule),
    },
    ...profiles.map((profile) => ({ name: profile.chain, first: chainRules(profile) })),
  ];
}

/** A set of addresses. */
export interface AddressSet {
  readonly family: Family;
  readonly set: string;
}

/** The sets of addresses among those of the table, whether or not a rule asks them. */
export function addressSets(held: readonly HeldSet[]): AddressSet[] {
  return held.flatMap(({ name, keyNumber }) => {
    const family = families.find((each) => name.startsWith(setStarts[each]));
    // Somebody may keep sets of their own in the table.
    return family === undefined || addressTypes[family].number !== keyNumber ? [] : [{ family, set: name }];
  });
}

/** The rules of the base chain that ask the set: one, unless somebody copied it. */
export function rulesAsking(held: readonly HeldRule[], set: string): HeldRule[] {
  return held.filter(({ chain, comment }) => chain === BASE_CHAIN && comment.startsWith(set + EXCEPT));
}

/** The set of one profile; its elements are the addresses. */
function profileSet({ family, set }: Profile): SetSpecification {
  return { name: set, key: [addressTypes[family]], comment: "addresses of containers, each with its owner" };
}

/** Everything the networks need but the elements, right afterwards whatever was there before. */
export function fixedRules(held: readonly HeldRule[], profiles: readonly Profile[]): NetlinkMessage[] {
  return [
    newOwnTable(),
    newSet(ownTable, attachments, 1),
    ...profiles.map((profile, index) => newSet(ownTable, profileSet(profile), index + 2)),
    ...putInOrder(ownTable, held, chainsOf(profiles)),
  ];
}

/** The addresses of an attachment, kept with its element: a number in the range that libnftnl leaves free. */
const ADDRESSES_DATUM = 0x61;
/** NFT_USERDATA_MAXLEN, less the two headers. */
const ROOM = 256 - 4;

/** The user data of an attachment's element: none if it does not fit; the sets' comments tell then. */
export function addressData(owner: AttachmentKey, addresses: readonly Cidr[]): UserDatum[] {
  const datum = textDatum(ADDRESSES_DATUM, addresses.map(({ address }) => formatIp(address)).join(" "));
  const comment = encodeText(ownerComment(owner)).length + 1;
  return comment + datum.value.length <= ROOM ? [datum] : [];
}

/** The addresses in an attachment's element; undefined if it has none. */
export function addressesOf(held: HeldElement): IpAddress[] | undefined {
  const datum = held.userData.get(ADDRESSES_DATUM);
  if (datum === undefined) return undefined;
  return decodeText(datum.subarray(0, datum.length - 1))
    .split(" ")
    .flatMap((text) => parseIp(text) ?? []);
}

export const addressKey = (address: IpAddress): Uint8Array[] => [toBytes(address)];
