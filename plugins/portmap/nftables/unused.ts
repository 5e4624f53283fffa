/** Rules, chains and maps of our table that were made for values which no attachment has any more. */
import { fromBytes } from "../../../shared/ip/address.ts";
import { contains, formatCidr, isSingle, networkOf, parseCidr } from "../../../shared/ip/cidr.ts";
import {
  deleteChain,
  deleteRule,
  flushChain,
  type HeldRule,
  newChain,
} from "../../../shared/netfilter/nftables/message.ts";
import { ownTable } from "../../../shared/netfilter/nftables/own-table.ts";
import { allElements, rulesOf, setsIn } from "../../../shared/netfilter/nftables/question.ts";
import { deleteSet } from "../../../shared/netfilter/nftables/set.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import type { Forwarding } from "../adaptor.ts";
import { DEFAULT_MARK_BIT } from "../config.ts";
import { HAIRPIN, MARKED, markedChain, NEIGHBOURS, setName } from "./hairpin-rules.ts";
import { chainName, DISPATCH, mapNames, precisions, profileOf, startOf, suffixesOf } from "./profile.ts";

const families = [4, 6] as const;

function removeRules(rules: readonly HeldRule[], isMeant: (rule: HeldRule) => boolean): NetlinkMessage[] {
  return rules.filter(isMeant).map(({ chain, handle }) => deleteRule(ownTable, chain, handle));
}

/** A chain may be missing, and then cannot be removed: so it is made first. */
function removeChain(chain: string): NetlinkMessage[] {
  return [newChain(ownTable, chain), flushChain(ownTable, chain), deleteChain(ownTable, chain)];
}

function removeProfile(
  rules: readonly HeldRule[],
  suffix: string,
  maps: readonly string[],
): NetlinkMessage[] {
  const dispatches: readonly string[] = precisions.map((precision) => DISPATCH[precision]);
  return [
    ...removeRules(
      rules,
      ({ chain, comment }) => dispatches.includes(chain) && comment.startsWith(startOf(suffix)),
    ),
    ...precisions.flatMap((precision) => removeChain(chainName(precision, suffix))),
    ...maps.map((map) => deleteSet(ownTable, map)),
  ];
}

/** The mark bits that rules look for. */
function bitsIn(rules: readonly HeldRule[]): number[] {
  const bits = rules.flatMap(({ chain, comment }) => {
    const found = chain === MARKED.chain ? MARKED.pattern.exec(comment)?.[1] : undefined;
    return found === undefined ? [] : [Number(found)];
  });
  return [...new Set(bits)];
}

function removeMark(rules: readonly HeldRule[], bit: number): NetlinkMessage[] {
  return [
    ...removeRules(
      rules,
      ({ chain, comment }) => chain === MARKED.chain && Number(MARKED.pattern.exec(comment)?.[1]) === bit,
    ),
    ...removeChain(markedChain(bit)),
  ];
}

/** The rules about networks in which no container has a port. */
function removeNeighbours(
  connection: NetlinkConnection,
  rules: readonly HeldRule[],
  used: readonly Forwarding[],
): NetlinkMessage[] {
  const networks = new Set(
    used.flatMap(({ targets }) =>
      targets.filter((cidr) => !isSingle(cidr)).map((cidr) => formatCidr(networkOf(cidr))),
    ),
  );
  const held = families.flatMap((family) =>
    allElements(connection, ownTable, setName.snat(family)).map(({ key }) => fromBytes(key)),
  );
  return removeRules(rules, ({ chain, comment }) => {
    const text = chain === HAIRPIN && comment.startsWith(NEIGHBOURS) ? comment.slice(NEIGHBOURS.length) : "";
    const network = parseCidr(text);
    if (network === undefined || networks.has(text)) return false;
    return !held.some((address) => contains(network, address));
  });
}

/**
 * The removal of what nobody uses: by the records, which are written before the rules are looked at, and where there is
 * a port without a record, not at all. What is usual stays.
 */
export function removeUnused(connection: NetlinkConnection, used: readonly Forwarding[]): NetlinkMessage[] {
  const rules = rulesOf(connection, ownTable);
  if (rules.length === 0) return [];
  const sets = setsIn(connection, ownTable).map(({ name }) => name);
  const recorded = new Set(["", ...used.map((forwarding) => profileOf(forwarding).suffix)]);
  const profiles = suffixesOf(rules)
    .filter((suffix) => !recorded.has(suffix))
    .map((suffix) => ({ suffix, maps: mapNames(suffix).filter((map) => sets.includes(map)) }));
  const isEmpty = (map: string) => allElements(connection, ownTable, map).length === 0;
  const unused = profiles.filter(({ maps }) => maps.every(isEmpty));
  const bits = new Set([DEFAULT_MARK_BIT, ...used.map(({ markBit }) => markBit)]);
  const marks = unused.length < profiles.length ? [] : bitsIn(rules).filter((bit) => !bits.has(bit));
  return [
    ...unused.flatMap(({ suffix, maps }) => removeProfile(rules, suffix, maps)),
    ...marks.flatMap((bit) => removeMark(rules, bit)),
    ...removeNeighbours(connection, rules, used),
  ];
}
