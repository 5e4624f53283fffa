/** macspoofchk: a bridge port's frames must carry the attachment's own source MAC address, or are dropped. */
import { isOfNetwork, ownerComment } from "../cni/attachment.ts";
import { CniError, ErrorCode, runAll } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { withNetfilter, withNetfilterLeftOpen } from "./host.ts";
import { NetfilterFamily } from "./nfnetlink.ts";
import { type ChainPlace, presentChains, removeChains } from "./nftables/chain-removal.ts";
import type { HeldElement } from "./nftables/element.ts";
import { allElements, findElement, rulesOf } from "./nftables/question.ts";
import { type Comparator, isSameRule } from "./nftables/rule-text.ts";
import { interfaceKey } from "./nftables/set.ts";
import { retryCommit, tryWithoutCommit } from "./nftables/transaction.ts";
import {
  addPort,
  addressOf,
  allowed,
  discardPort,
  fixedSpoofRules,
  guarded,
  hasFixedRule,
  macBytes,
  SPOOF_CHAIN,
  splitPair,
  spoofTable,
} from "./spoof-rules.ts";

export interface SpoofCheck {
  readonly owner: AttachmentKey;
  /** The host's end of the veth pair, at most 15 characters. */
  readonly hostInterface: string;
  /** The address the container's end was given, as "02:00:00:00:00:01". */
  readonly mac: string;
}

function isRuleInPlace(connection: NetlinkConnection, isSame?: Comparator): boolean {
  return hasFixedRule(rulesOf(connection, spoofTable, SPOOF_CHAIN), isSame);
}

function findPort(connection: NetlinkConnection, port: Uint8Array): HeldElement[] {
  const held = findElement(connection, spoofTable, guarded.name, [port]);
  return held === undefined ? [] : [held];
}

/** For the validation phase: throws if this kernel cannot filter bridged frames. Changes nothing. */
export function prepareSpoofCheck(): void {
  withNetfilter((connection) => {
    if (isRuleInPlace(connection)) return;
    const error = tryWithoutCommit(connection, fixedSpoofRules());
    if (error === undefined) return;
    throw new CniError(
      ErrorCode.notAvailable,
      `"macspoofchk" needs nf_tables for bridges, and this kernel refuses it: ${error.message}`,
      "load or install the kernel module nft_meta_bridge (CONFIG_NF_TABLES_BRIDGE), or set macspoofchk to false",
      error,
    );
  });
}

/** The addresses of a port: kept with its element, unless that came back from a saved listing. */
function macsOf(connection: NetlinkConnection, held: HeldElement): Uint8Array[] {
  const mac = addressOf(held);
  if (mac !== undefined) return [mac];
  const pairs = allElements(connection, spoofTable, allowed.name);
  const port = String(held.key);
  return pairs
    .map((pair) => splitPair(pair.key))
    .flatMap((pair) => (String(pair.port) === port ? [pair.mac] : []));
}

function discardHeld(connection: NetlinkConnection, held: readonly HeldElement[]): NetlinkMessage[] {
  return held.flatMap((element) => discardPort(element.key, macsOf(connection, element)));
}

/** Guards the interface. Repeated, it replaces the address. */
export function ensureSpoofCheck({ owner, hostInterface, mac }: SpoofCheck): void {
  const [port, address] = [interfaceKey(hostInterface), macBytes(mac)];
  withNetfilter((connection) =>
    retryCommit(connection, () => {
      const fixed = isRuleInPlace(connection) ? [] : fixedSpoofRules();
      // Mostly there is nothing to discard; a batch without removals spares the wait described at withNetfilterLeftOpen.
      return [
        ...fixed,
        ...discardHeld(connection, findPort(connection, port)),
        ...addPort(owner, port, address),
      ];
    }),
  );
}

/** Removes the guard of the interface, and what the reference bridge plugin made for this attachment. */
export function removeSpoofCheck(owner: AttachmentKey, hostInterface: string): void {
  const isOwn = (element: HeldElement) => element.comment === ownerComment(owner);
  withNetfilterLeftOpen((connection) =>
    runAll([
      () =>
        retryCommit(connection, () =>
          discardHeld(connection, findPort(connection, interfaceKey(hostInterface)).filter(isOwn)),
        ),
      () => removeChains(connection, referenceChains(owner)),
    ]),
  );
}

/** The reference bridge plugin's chains for an attachment. */
function referenceChains({ containerId, ifname }: AttachmentKey): ChainPlace[] {
  const table = { family: NetfilterFamily.bridge, name: "nat" };
  const chain = `cni-br-iface-${containerId}-${ifname}`;
  return [chain, `${chain}-mac`].map((name) => ({ table, bases: ["PREROUTING"], chain: name }));
}

/** Throws CniError if the interface is not guarded with exactly this address. */
export function checkSpoofCheck({ owner, hostInterface, mac }: SpoofCheck): void {
  const port = interfaceKey(hostInterface);
  withNetfilter((connection) => {
    const [held] = findPort(connection, port);
    const isPaired = findElement(connection, spoofTable, allowed.name, [port, macBytes(mac)]) !== undefined;
    if (isRuleInPlace(connection, isSameRule) && held?.comment === ownerComment(owner) && isPaired) return;
    // Made by the reference plugin.
    if (presentChains(connection, referenceChains(owner)).length > 0) return;
    throw new CniError(
      ErrorCode.internal,
      `frames from ${hostInterface} are not held to the MAC address ${mac} of ${owner.ifname}`,
      "somebody changed the table; look at it with: nft list table bridge podwire",
    );
  });
}

/** Removes the guards of attachments of the network that are not in `keep`. */
export function collectSpoofChecks(network: string, keep: readonly AttachmentKey[]): void {
  const kept = new Set(keep.map(ownerComment));
  const isStale = ({ comment }: HeldElement) => isOfNetwork(comment, network) && !kept.has(comment);
  withNetfilterLeftOpen((connection) =>
    retryCommit(connection, () => {
      const ports = allElements(connection, spoofTable, guarded.name);
      return discardHeld(connection, ports.filter(isStale));
    }),
  );
}
