/**
 * Chains that belong to one attachment: those the reference plugins made, and our own where the kernel has no IP
 * sets. They are found by name or by their jump in POSTROUTING, and removed together with every jump to them.
 */
import { networkText, ownerHash } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import type { Family } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { sha512 } from "../../system/hash.ts";
import type { Collection, Host } from "../masquerade-adaptor.ts";
import { removeChains } from "../nftables/chain-removal.ts";
import { needle, searchable } from "../search.ts";
import { readLegacyNat } from "./legacy-variant.ts";
import { nftRules, nftTable } from "./nat-table.ts";
import { RestoreRefused, requireRestore, runRestore } from "./restore.ts";
import { BASE_CHAIN, removalInput } from "./rules.ts";

const families: readonly Family[] = [4, 6];

/** A chain's name has at most 28 characters. */
export function ownChainName(owner: AttachmentKey): string {
  return `PODWIRE-${ownerHash(owner).slice(0, 20)}`;
}

/** The reference plugins' name for it: the same for all interfaces of a container on a network. */
export function referenceChainName({ network, containerId }: AttachmentKey): string {
  return `CNI-${sha512(network + containerId).slice(0, 24)}`;
}

/** Removes the chains that exist of these, in both families and in both packet filters. */
export function removeNatChains(host: Host, chains: readonly string[]): void {
  const places = families.flatMap((family) =>
    chains.map((chain) => ({ table: nftTable(family), base: BASE_CHAIN, chain })),
  );
  removeChains(host.connection, places);
  for (const family of families) removeFromLegacy(host, family, chains);
}

/** The legacy filter changes only through the tool: one run, with the rules named as the kernel has them. */
function removeFromLegacy(host: Host, family: Family, chains: readonly string[]): void {
  const input = legacyRemoval(family, chains);
  if (input === undefined) return;
  try {
    runRestore(requireRestore(family, host.environment, "legacy"), input);
  } catch (thrown) {
    // Another process may have removed the same in the meantime; if not, it is as wrong as before.
    if (!(thrown instanceof RestoreRefused) || legacyRemoval(family, chains) === input) throw thrown;
    removeFromLegacy(host, family, chains);
  }
}

/** The input that removes those of the chains that exist; undefined if none does. */
function legacyRemoval(family: Family, chains: readonly string[]): string | undefined {
  const rules = readLegacyNat(family) ?? [];
  const present = chains.filter((chain) => rules.some((rule) => rule.chain === chain));
  if (present.length === 0) return undefined;
  const jumps = rules.flatMap(({ chain, source, comment, jump }) =>
    chain === BASE_CHAIN && jump !== undefined && present.includes(jump)
      ? [{ source, comment, chain: jump }]
      : [],
  );
  return removalInput(jumps, present);
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
  if (stale.length > 0) removeNatChains(host, [...new Set(stale)]);
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
