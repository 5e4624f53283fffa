/**
 * Masquerade: traffic of containers that leaves their own network gets the node's source address. Pure.
 *
 * The addresses of a group are one set, and one rule of the base chain looks into it, so neither a packet nor an ADD pays for
 * the attachments that exist. The rule sends a match to a chain of the group, which returns for the networks that are left
 * unchanged, and masquerades the rest. The number of rules grows with the number of networks.
 */
import { ownerComment, shortName } from "../cni/attachment.ts";
import { type Family, toBytes } from "../ip/address.ts";
import { type Cidr, formatCidr, isSingle, networkOf, parseCidr } from "../ip/cidr.ts";
import {
  decide,
  lookup,
  masquerade as masqueradeExpression,
  registerAt,
  Verdict,
} from "../nftables/expression.ts";
import { addressTypes, loadAddress, matchFamily, matchNetwork } from "../nftables/match.ts";
import type { Rule } from "../nftables/message.ts";
import { beforeTracking, forwardedUntracked } from "../nftables/untracked.ts";
import { sha512 } from "../system/hash.ts";
import type { FilterRecord, Masquerade } from "./record.ts";
import {
  type Chain,
  type Feature,
  type Group,
  inetTable,
  type MasqueradeGroup,
  natHooks,
  type PlacedElement,
  type Structure,
} from "./structure.ts";

const families: readonly Family[] = [4, 6];

const multicast: Readonly<Record<Family, Cidr>> = {
  4: parseCidr("224.0.0.0/4") as Cidr,
  6: parseCidr("ff00::/8") as Cidr,
};

export const POD_SET = /^pods[46]-/;

/** nft takes no colon in names. */
export const identifier = (text: string): string => text.replaceAll(":", "_");

function groupOf(network: string, cidr: Cidr, exceptions: readonly Cidr[]): MasqueradeGroup {
  const { family } = cidr.address;
  const own = isSingle(cidr) ? [] : [formatCidr(networkOf(cidr))];
  const others = exceptions.filter(({ address }) => address.family === family).map(formatCidr);
  return {
    kind: "masquerade",
    family,
    network: shortName(network),
    unchanged: [...own, ...others],
    isSingle: isSingle(cidr),
  };
}

/** The set of a group's addresses. */
function setName({ family, network, unchanged, isSingle }: MasqueradeGroup): string {
  const [own = "", ...rest] = isSingle ? ["single", ...unchanged] : unchanged;
  const suffix = rest.length === 0 ? "" : `-${sha512(rest.join(" ")).slice(0, 8)}`;
  return `pods${family}-${network}-${identifier(own)}${suffix}`;
}

/** The chain that the addresses of a set are sent to. */
export const chainOf = (set: string): string => set.replace("pods", "from");

/** How the rules of such a chain are called that return for a network; group 1 is the network. */
export const UNCHANGED = /^to (\S+) nothing changes$/;

const multicastRules: readonly Rule[] = families.map((family) => ({
  comment: `multicast keeps its source address (IPv${family})`,
  expressions: [...matchNetwork("destination", multicast[family]), decide({ code: Verdict.return })],
}));

/** For masquerade by any program: a peer of an overlay takes the node's address for the node itself. */
const untracked: Chain = {
  table: inetTable,
  name: "vxlan",
  hook: beforeTracking,
  rules: forwardedUntracked,
};

function groupRule(group: MasqueradeGroup): Rule {
  const set = setName(group);
  return {
    comment: `${set} leave with the node's address`,
    expressions: [
      ...matchFamily(group.family),
      loadAddress("source", group.family),
      lookup(set, registerAt(0)),
      decide({ code: Verdict.goto, chain: chainOf(set) }),
    ],
  };
}

function chainRules({ unchanged }: MasqueradeGroup): Rule[] {
  const kept = unchanged.flatMap((text): Rule[] => {
    const network = parseCidr(text);
    if (network === undefined) return [];
    const expressions = [...matchNetwork("destination", network), decide({ code: Verdict.return })];
    return [{ comment: `to ${text} nothing changes`, expressions }];
  });
  return [
    ...kept,
    { comment: "all else leaves with the node's address", expressions: [masqueradeExpression()] },
  ];
}

function structureOf(groups: readonly Group[]): Structure {
  const own = groups.filter((group): group is MasqueradeGroup => group.kind === "masquerade");
  if (own.length === 0) return { sets: [], chains: [] };
  const base = { table: inetTable, name: "postrouting", hook: natHooks.postrouting };
  return {
    sets: own.map((group) => ({
      table: inetTable,
      name: setName(group),
      key: [addressTypes[group.family]],
      comment: "addresses of containers, each with its owner",
    })),
    chains: [
      untracked,
      { ...base, rules: [...multicastRules, ...own.map(groupRule)] },
      ...own.map((group) => ({ table: inetTable, name: chainOf(setName(group)), rules: chainRules(group) })),
    ],
  };
}

function wantedOf({ backend, masquerade }: FilterRecord): Masquerade | undefined {
  return backend === "nftables" ? masquerade : undefined;
}

function elementsOf(record: FilterRecord): PlacedElement[] {
  const wanted = wantedOf(record);
  const comment = ownerComment(record.owner);
  return (wanted?.addresses ?? []).map((cidr) => ({
    table: inetTable,
    set: setName(groupOf(record.owner.network, cidr, wanted?.exceptions ?? [])),
    element: { key: [toBytes(cidr.address)], comment },
    what: `the masqueraded address ${formatCidr(cidr)}`,
  }));
}

export const masquerade: Feature = {
  kind: "masquerade",
  name: "masquerade",
  advice:
    'load the modules nft_chain_nat, nft_masq, nft_ct and nft_fib_inet (Linux 5.2 or newer), or install the package "iptables" and set "ipMasqBackend" to "iptables"',
  groupsOf: (record) => {
    const wanted = wantedOf(record);
    return (wanted?.addresses ?? []).map((cidr) =>
      groupOf(record.owner.network, cidr, wanted?.exceptions ?? []),
    );
  },
  elementsOf,
  structureOf,
};
