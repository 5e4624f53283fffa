/**
 * The table of macspoofchk, as data. Pure.
 *
 * One rule for all ports: the set `guarded` holds the ports to look at, the set `allowed` each port with its MAC
 * address, so neither a frame nor an ADD pays for the ports there are. Both name the owner in their comments.
 */

import { ownerComment } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { NetfilterFamily } from "./nfnetlink.ts";
import { discardElements, type HeldElement, newElements } from "./nftables/element.ts";
import {
  counter,
  decide,
  Header,
  loadMeta,
  loadPayload,
  lookup,
  Meta,
  registerAt,
  Verdict,
} from "./nftables/expression.ts";
import {
  flushChain,
  type HeldRule,
  newChain,
  newRule,
  newTable,
  type Rule,
  type Table,
} from "./nftables/message.ts";
import { type Comparator, isSameBySign } from "./nftables/rule-text.ts";
import { dataTypes, newSet, type SetSpecification } from "./nftables/set.ts";

export const spoofTable: Table = { family: NetfilterFamily.bridge, name: "podwire" };
export const SPOOF_CHAIN = "prerouting";

export const guarded: SetSpecification = {
  name: "guarded",
  key: [dataTypes.interfaceName],
  comment: "bridge ports with a MAC address of their own",
};

export const allowed: SetSpecification = {
  name: "allowed",
  key: [dataTypes.interfaceName, dataTypes.etherAddress],
  comment: "each guarded port with its MAC address",
};

/** NF_BR_PRI_NAT_DST_BRIDGED, before anything may change the frame: include/uapi/linux/netfilter_bridge.h. */
const hook = { type: "filter", number: 0, priority: -300 };

const ADDRESS = registerAt(dataTypes.interfaceName.length);

const rule: Rule = {
  comment: "podwire: drop frames with a forged source address",
  expressions: [
    loadMeta(Meta.iifname, registerAt(0)),
    lookup(guarded.name, registerAt(0)),
    // Once more: nft lists a rule readably only if each match loads what it looks at.
    loadMeta(Meta.iifname, registerAt(0)),
    // struct ethhdr: destination, then source, six bytes each.
    loadPayload(Header.link, 6, 6, ADDRESS),
    lookup(allowed.name, registerAt(0), true),
    counter(),
    decide({ code: Verdict.drop }),
  ],
};

/** Everything but the elements, right afterwards whatever was there before. */
export function fixedSpoofRules(): NetlinkMessage[] {
  return [
    newTable(spoofTable, "podwire: MAC addresses of bridge ports (macspoofchk)"),
    newSet(spoofTable, guarded, 1),
    newSet(spoofTable, allowed, 2),
    newChain(spoofTable, SPOOF_CHAIN, hook),
    flushChain(spoofTable, SPOOF_CHAIN),
    newRule(spoofTable, SPOOF_CHAIN, rule),
  ];
}

/** Whether the chain's rules are as they should be. A rule cannot outlive its sets. */
export function hasFixedRule(rules: readonly HeldRule[], isSame: Comparator = isSameBySign): boolean {
  return rules.length === 1 && isSame(rules[0], rule);
}

/** The two parts of a key of `allowed`. */
export function splitPair(key: Uint8Array): { port: Uint8Array; mac: Uint8Array } {
  const { interfaceName, etherAddress } = dataTypes;
  const port = key.slice(0, interfaceName.length);
  return { port, mac: key.slice(interfaceName.length, interfaceName.length + etherAddress.length) };
}

/** "02:00:00:00:00:01" as six bytes. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}

/**
 * The address a port was given, kept with its element in `guarded`, so that the pair in `allowed` is found without
 * listing that set. A number in the range that libnftnl leaves free; nft passes over it.
 */
const MAC_DATUM = 0x6d;

export function addressOf(element: HeldElement): Uint8Array | undefined {
  return element.userData.get(MAC_DATUM);
}

/** Guards a port that is not guarded yet. */
export function addPort(owner: AttachmentKey, port: Uint8Array, mac: Uint8Array): NetlinkMessage[] {
  const comment = ownerComment(owner);
  const extra = [{ type: MAC_DATUM, value: mac }];
  return [
    ...newElements(spoofTable, guarded.name, [{ key: [port], comment, extra }]),
    ...newElements(spoofTable, allowed.name, [{ key: [port, mac], comment }]),
  ];
}

/** Takes a port out, with the addresses it had. */
export function discardPort(port: Uint8Array, macs: readonly Uint8Array[]): NetlinkMessage[] {
  const pairs = macs.map((mac) => ({ key: [port, mac], comment: "" }));
  return [
    ...discardElements(spoofTable, guarded.name, [{ key: [port], comment: "" }]),
    ...(pairs.length === 0 ? [] : discardElements(spoofTable, allowed.name, pairs)),
  ];
}
