/**
 * Chains that belong to one attachment: those the reference plugins made, and our own where the kernel has no IP
 * sets. They are found by name or by their jump in POSTROUTING, and removed together with every jump to them.
 */
import { networkText, ownerHash } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import type { Family } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { sha512 } from "../../system/hash.ts";
import { Errno } from "../../system/libc.ts";
import type { Collection, Host } from "../masquerade-adaptor.ts";
import { deleteChain, deleteRule, flushChain, getChain } from "../nftables/message.ts";
import { tryCommit } from "../nftables/transaction.ts";
import { needle, searchable } from "../search.ts";
import { readLegacyNat } from "./legacy-variant.ts";
import { isWithoutNftables, nftRules, nftTable } from "./nat-table.ts";
import { requireRestore, runRestore } from "./restore.ts";
import { BASE_CHAIN, removalInput } from "./rules.ts";

const families: readonly Family[] = [4, 6];
/** include/linux/errno.h: the rules changed while the batch was worked on. */
const ERESTART = 85;
/** Others change rules too; each attempt looks again. */
const ATTEMPTS = 10;

/** A chain's name has at most 28 characters. */
export function ownChainName(owner: AttachmentKey): string {
  return `PODWIRE-${ownerHash(owner).slice(0, 20)}`;
}

/** The reference plugins' name for it: the same for all interfaces of a container on a network. */
export function referenceChainName({ network, containerId }: AttachmentKey): string {
  return `CNI-${sha512(network + containerId).slice(0, 24)}`;
}

/** Removes the chains that exist of these, in both families and in both packet filters. */
export function removeChains(host: Host, chains: readonly string[]): void {
  const present = presentInNft(host.connection, chains);
  if (present.length > 0) removeFromNft(host.connection, chains);
  for (const family of families) removeFromLegacy(host, family, chains);
}

interface PresentChain {
  readonly family: Family;
  readonly chain: string;
}

function presentInNft(connection: NetlinkConnection, chains: readonly string[]): PresentChain[] {
  const candidates = families.flatMap((family) => chains.map((chain) => ({ family, chain })));
  const answers = connection.transact(
    candidates.map(({ family, chain }) => getChain(nftTable(family), chain)),
  );
  return candidates.filter((_, index) => {
    const error = answers[index]?.error;
    if (error !== undefined && !isWithoutNftables(error)) throw error;
    return error === undefined;
  });
}

/** One batch: the jumps by their handles, which are never used twice, then the chains. */
function removeFromNft(connection: NetlinkConnection, chains: readonly string[]): void {
  for (let attempt = 1; ; attempt++) {
    const present = presentInNft(connection, chains);
    if (present.length === 0) return;
    const jumps = families.flatMap((family) => jumpRemovals(connection, family, present));
    const removals = present.flatMap(({ family, chain }) => {
      const table = nftTable(family);
      return [flushChain(table, chain), deleteChain(table, chain)];
    });
    const error = tryCommit(connection, [...jumps, ...removals]);
    if (error === undefined) return;
    const changed: readonly number[] = [Errno.ENOENT, Errno.EBUSY, ERESTART];
    if (!changed.includes(error.errno) || attempt === ATTEMPTS) throw error;
  }
}

function jumpRemovals(connection: NetlinkConnection, family: Family, present: readonly PresentChain[]) {
  const names = present.filter((found) => found.family === family).map((found) => found.chain);
  if (names.length === 0) return [];
  return nftRules(connection, family, BASE_CHAIN)
    .filter((rule) => names.some((name) => searchable(rule.body).includes(name)))
    .map((rule) => deleteRule(nftTable(family), BASE_CHAIN, rule.handle));
}

/** The legacy filter changes only through the tool: one run, with the rules named as the kernel has them. */
function removeFromLegacy({ environment }: Host, family: Family, chains: readonly string[]): void {
  const rules = readLegacyNat(family) ?? [];
  const present = chains.filter((chain) => rules.some((rule) => rule.chain === chain));
  if (present.length === 0) return;
  const jumps = rules.flatMap(({ chain, source, comment, jump }) =>
    chain === BASE_CHAIN && jump !== undefined && present.includes(jump)
      ? [{ source, comment, chain: jump }]
      : [],
  );
  runRestore(requireRestore(family, environment, "legacy"), removalInput(jumps, present));
}

/** A jump from POSTROUTING: where to, and the text of its rule with its comment in it. */
interface FoundJump {
  readonly chain: string;
  readonly text: string;
}

const JUMP_TARGET = /PODWIRE-[0-9a-f]{20}|CNI-[0-9a-f]{24}/;

function findJumps(connection: NetlinkConnection, family: Family): FoundJump[] {
  const inNft = nftRules(connection, family, BASE_CHAIN).map((rule) => searchable(rule.body));
  const inLegacy = (readLegacyNat(family) ?? []).filter((rule) => rule.chain === BASE_CHAIN);
  const texts = [...inNft, ...inLegacy.map((rule) => `${rule.jump ?? ""} ${rule.comment}`)];
  return texts.flatMap((text) => {
    const chain = JUMP_TARGET.exec(text)?.[0];
    return chain === undefined ? [] : [{ chain, text }];
  });
}

/** Removes the chains of the network's attachments that are not in `keep`. */
export function collectChains(host: Host, { network, keep }: Collection): void {
  const mine = needle(networkText(network));
  const kept = new Set(keep.flatMap((owner) => [ownChainName(owner), referenceChainName(owner)]));
  // The reference plugins' comment: name: "NETWORK" id: "CONTAINER".
  const reference = needle(`name: "${network}" id: "`);
  const stale = families
    .flatMap((family) => findJumps(host.connection, family))
    .filter(({ text }) => text.includes(mine) || text.includes(reference))
    .map(({ chain }) => chain)
    .filter((chain) => !kept.has(chain));
  if (stale.length > 0) removeChains(host, [...new Set(stale)]);
}

/** Whether the owner has a chain of its own and a jump to it, in either packet filter. */
export function isOwnChainInPlace(
  connection: NetlinkConnection,
  family: Family,
  owner: AttachmentKey,
): boolean {
  const chain = ownChainName(owner);
  return findJumps(connection, family).some((jump) => jump.chain === chain);
}
