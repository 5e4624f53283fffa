/**
 * Masquerade of connections through a host port whose answers would not come back this way: from the container itself,
 * from its neighbours, from localhost. Only what carries the mark gets here. Pure.
 */
import type { Family } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr } from "../../../shared/ip/cidr.ts";
import type { ChainSpecification } from "../../../shared/netfilter/nftables/chain.ts";
import {
  Comparison,
  compare,
  decide,
  type Expression,
  loadMeta,
  lookup,
  Meta,
  maskBits,
  masquerade,
  registerAt,
  Verdict,
} from "../../../shared/netfilter/nftables/expression.ts";
import type { Rule } from "../../../shared/netfilter/nftables/message.ts";
import {
  addressTypes,
  loadAddress,
  matchFamily,
  matchNetwork,
  matchPrefix,
  natHooks,
} from "../../../shared/netfilter/nftables/own-table.ts";
import type { SetSpecification } from "../../../shared/netfilter/nftables/set.ts";
import { loopback4 } from "../localhost.ts";
import { bitOf, changeMark, hostOrder } from "./mark.ts";

/** The chains that are not about one mark bit, and how rules are known that are made for one. */
export const HAIRPIN = "hairpin";
export const NEIGHBOURS = "from neighbours in ";
export const MARKED = { chain: "hostports-postrouting", pattern: /^marked with bit (\d+):/ } as const;
export const markedChain = (bit: number): string => `marked-${bit}`;

const families: readonly Family[] = [4, 6];
const REGISTER = registerAt(0);

export const setName = {
  /** All containers that have a port. */
  target: (family: Family) => `targets${family}`,
  /** Containers whose neighbours' connections through a host port are masqueraded. */
  snat: (family: Family) => `snat${family}`,
  /** Pairs of the same address: a container that reaches itself through its host port. */
  self: (family: Family) => `self${family}`,
  /** Containers for which all connections through a host port are. */
  masqAll: (family: Family) => `masqall${family}`,
};

export function hairpinSets(family: Family): SetSpecification[] {
  const address = addressTypes[family];
  return [
    { name: setName.target(family), key: [address], comment: "containers that host ports lead to" },
    { name: setName.snat(family), key: [address], comment: "neighbours come with the host's address" },
    { name: setName.self(family), key: [address, address], comment: "so does the container itself" },
    { name: setName.masqAll(family), key: [address], comment: "and here everybody (masqAll)" },
  ];
}

function inSet(family: Family, set: string): Expression[] {
  return [loadAddress("destination", family), lookup(set, REGISTER)];
}

const hairpinRules: readonly Rule[] = [
  {
    comment: "from localhost",
    expressions: [...matchNetwork("source", loopback4), ...inSet(4, setName.snat(4)), masquerade()],
  },
  ...families.flatMap((family): Rule[] => [
    {
      comment: `from the container itself (IPv${family})`,
      expressions: [
        ...matchFamily(family),
        loadAddress("source", family),
        loadAddress("destination", family, registerAt(addressTypes[family].length)),
        lookup(setName.self(family), REGISTER),
        masquerade(),
      ],
    },
    {
      comment: `from anywhere, with masqAll (IPv${family})`,
      expressions: [...matchFamily(family), ...inSet(family, setName.masqAll(family)), masquerade()],
    },
  ]),
];

/** Neighbours would answer each other directly, past the translation. What grows: one rule a network. */
function neighbourRule(network: Cidr): Rule {
  const { family } = network.address;
  return {
    comment: NEIGHBOURS + formatCidr(network),
    expressions: [
      ...matchFamily(family),
      ...matchPrefix("source", network),
      ...matchPrefix("destination", network),
      ...inSet(family, setName.snat(family)),
      masquerade(),
    ],
  };
}

/** Before NF_IP_PRI_NAT_SRC, where iptables masquerades by the same mark. */
const beforeIptables = { ...natHooks.postrouting, priority: natHooks.postrouting.priority - 1 };

/** Takes the mark off what leads to a container of ours; that of others may be for iptables. */
function unmarkRules(markBit: number): Rule[] {
  return families.map((family) => ({
    comment: `to be masqueraded by nobody else (IPv${family})`,
    expressions: [
      ...matchFamily(family),
      ...inSet(family, setName.target(family)),
      ...changeMark(markBit, false),
    ],
  }));
}

/** The chains that masquerade what came through a host port and would not be answered this way otherwise. */
export function masqueradeChains(markBit: number, networks: readonly Cidr[]): ChainSpecification[] {
  const bit = hostOrder(bitOf(markBit));
  const chain = markedChain(markBit);
  const marked: Rule = {
    comment: `marked with bit ${markBit}: came through a host port`,
    expressions: [
      loadMeta(Meta.mark, REGISTER),
      maskBits(REGISTER, bit),
      compare(REGISTER, Comparison.equal, bit),
      decide({ code: Verdict.jump, chain }),
    ],
  };
  return [
    { name: MARKED.chain, hook: beforeIptables, first: [], others: [marked] },
    {
      name: chain,
      first: [
        {
          comment: "in need of the node's address",
          expressions: [decide({ code: Verdict.jump, chain: HAIRPIN })],
        },
        ...unmarkRules(markBit),
      ],
    },
    { name: HAIRPIN, first: hairpinRules, others: networks.map(neighbourRule) },
  ];
}
