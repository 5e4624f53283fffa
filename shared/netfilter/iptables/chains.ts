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
import { needle, searchable } from "../search.ts";
import { removeNatChains } from "./chain-removal.ts";
import { readLegacyNat } from "./legacy-variant.ts";
import { nftRules } from "./nat-table.ts";
import { masquerading } from "./restore.ts";
import { BASE_CHAIN } from "./rules.ts";

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
export function removeMasqueradeChains(host: Host, chains: readonly string[]): void {
  removeNatChains(host, [{ bases: [BASE_CHAIN], chains }], masquerading);
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
  if (stale.length > 0) removeMasqueradeChains(host, [...new Set(stale)]);
}

/** Whether the owner has a chain of its own, ours or the reference plugins', and a jump to it, in either packet filter. */
export function isOwnChainInPlace(
  connection: NetlinkConnection,
  family: Family,
  owner: AttachmentKey,
): boolean {
  const chains = [ownChainName(owner), referenceChainName(owner)];
  return findJumps(connection, family).some(({ chain }) => chains.includes(chain));
}
