/**
 * Host ports in our table, as data. Pure.
 *
 * Two maps a family lead from protocol and port, and from protocol, address and port, to the container; so neither a
 * packet nor an ADD pays for the ports there are. What has other conditions, or another mark bit, has maps and chains
 * of its own: a profile. All of them are asked for the specific address before any is asked for the mere port.
 *
 * What is translated carries the mark until it leaves: what is not, be it that kube-proxy sends it the same way, is
 * never masqueraded. There it loses the mark, before the rules of iptables see it: to those of ours and of the
 * reference plugin, the same bit says that the packet is to be masqueraded.
 */
import { type Family, parseIp } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, hostCidr, isSingle, networkOf } from "../../../shared/ip/cidr.ts";
import { type ChainSpecification, putInOrder } from "../../../shared/netfilter/nftables/chain.ts";
import {
  Comparison,
  compare,
  counter,
  decide,
  type Expression,
  Header,
  loadDestinationKind,
  loadMeta,
  loadPayload,
  lookup,
  lookupValue,
  Meta,
  maskBits,
  masquerade,
  registerAt,
  storeMeta,
  translateDestination,
  Verdict,
} from "../../../shared/netfilter/nftables/expression.ts";
import type { HeldRule, Rule } from "../../../shared/netfilter/nftables/message.ts";
import {
  addressTypes,
  familyNumbers,
  loadAddress,
  matchFamily,
  matchNetwork,
  matchPrefix,
  natHooks,
  newOwnTable,
  ownTable,
} from "../../../shared/netfilter/nftables/own-table.ts";
import {
  dataTypes,
  interfaceKey,
  newSet,
  type SetSpecification,
} from "../../../shared/netfilter/nftables/set.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import { sha512 } from "../../../shared/system/hash.ts";
import type { Forwarding } from "../adaptor.ts";
import { loopback4 } from "../localhost.ts";
import { compileConditions } from "./conditions.ts";

const families: readonly Family[] = [4, 6];
const REGISTER = registerAt(0);
const DEFAULT_BIT = 13;

type Conditions = Forwarding["conditions"];

/** Ports that are looked up alike. */
export interface Profile {
  /** What its maps and chains end in: nothing for the usual one. */
  readonly suffix: string;
  readonly markBit: number;
  readonly conditions: Conditions;
}

export function profileOf({ markBit, conditions }: Forwarding): Profile {
  const isUsual = markBit === DEFAULT_BIT && conditions[4].length === 0 && conditions[6].length === 0;
  const text = JSON.stringify([markBit, conditions[4], conditions[6]]);
  return { suffix: isUsual ? "" : `-${sha512(text).slice(0, 8)}`, markBit, conditions };
}

/** What a port is looked up by beside the protocol: the address too, or only the port. */
export type Precision = "address" | "any";
const precisions: readonly Precision[] = ["address", "any"];

export function mapName(family: Family, precision: Precision, suffix: string): string {
  return `hostports${family}-${precision}${suffix}`;
}

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

/** The sets and maps that a profile needs. */
function setsOf({ suffix }: Profile): SetSpecification[] {
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
      { name: setName.target(family), key: [address], comment: "containers that host ports lead to" },
      { name: setName.snat(family), key: [address], comment: "neighbours come with the host's address" },
      { name: setName.self(family), key: [address, address], comment: "so does the container itself" },
      { name: setName.masqAll(family), key: [address], comment: "and here everybody (masqAll)" },
    ];
  });
}

/** A number as the kernel has it in a register: in this machine's byte order. */
function hostOrder(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number >>> 0, true);
  return bytes;
}

const bitOf = (markBit: number) => 2 ** markBit;

function changeMark(bit: number, isSet: boolean): Expression[] {
  const mask = hostOrder(~bit);
  return [
    loadMeta(Meta.mark, REGISTER),
    maskBits(REGISTER, mask, hostOrder(isSet ? bit : 0)),
    storeMeta(Meta.mark, REGISTER),
  ];
}

/** The rule that leads to the container: the key's fields side by side, then the value's in their place. */
function translation(family: Family, precision: Precision, suffix: string): Rule {
  const { length } = addressTypes[family];
  const portAt = registerAt(precision === "address" ? 4 + length : 4);
  return {
    comment: precision === "address" ? "by protocol, address and port" : "by protocol and port",
    expressions: [
      ...matchFamily(family),
      loadMeta(Meta.transportProtocol, REGISTER),
      ...(precision === "address" ? [loadAddress("destination", family, registerAt(4))] : []),
      // The destination port, at the same place in the headers of TCP, UDP and SCTP.
      loadPayload(Header.transport, 2, 2, portAt),
      lookupValue(mapName(family, precision, suffix), REGISTER),
      translateDestination(familyNumbers[family], REGISTER, registerAt(length)),
    ],
  };
}

const chainName = (precision: Precision, suffix: string) => `to-${precision}${suffix}`;
const DISPATCH = { address: "hostports-address", any: "hostports-any" } as const;

/** The chain that looks ports up, and marks what it translates. */
function lookupChain({ suffix, markBit }: Profile, precision: Precision): ChainSpecification {
  const bit = bitOf(markBit);
  return {
    name: chainName(precision, suffix),
    first: [
      { comment: "what is found carries the mark", expressions: changeMark(bit, true) },
      ...families.map((family) => translation(family, precision, suffix)),
      { comment: "what is not found does not", expressions: changeMark(bit, false) },
    ],
  };
}

const PROFILE_START = "hostports";

/** The rules that send packets which meet the conditions to a profile's chain. */
function dispatchRules({ suffix, conditions }: Profile, precision: Precision): Rule[] {
  const verdict = decide({ code: Verdict.jump, chain: chainName(precision, suffix) });
  const start = `${PROFILE_START}${suffix}: `;
  if (conditions[4].length === 0 && conditions[6].length === 0) {
    return [{ comment: `${start}unconditional`, expressions: [verdict] }];
  }
  return families.flatMap((family) =>
    compileConditions(family, conditions[family]).map((matches, index) => ({
      comment: `${start}conditions of IPv${family}, number ${index + 1}`,
      expressions: [...matchFamily(family), ...matches, verdict],
    })),
  );
}

/** The suffixes of all profiles there are. */
export function suffixesOf(held: readonly HeldRule[]): string[] {
  const found = held.flatMap(({ chain, comment }) => {
    if (chain !== DISPATCH.any || !comment.startsWith(PROFILE_START)) return [];
    return [comment.slice(PROFILE_START.length, comment.indexOf(":"))];
  });
  return [...new Set(found)];
}

/** RTN_LOCAL: include/uapi/linux/rtnetlink.h. */
const LOCAL = 2;

/** Nothing but traffic to the host itself is ever translated (CVE-2019-9946, CVE-2025-67499). */
const toLocalAddresses: Rule = {
  comment: "only what is for this host",
  expressions: [
    loadDestinationKind(REGISTER),
    compare(REGISTER, Comparison.equal, hostOrder(LOCAL)),
    decide({ code: Verdict.jump, chain: "hostports" }),
  ],
};

const loopback6 = hostCidr(parseIp("::1") as Cidr["address"]);

/** The kernel routes ::1 nowhere: services of the host that listen there stay reachable. */
const notToLoopback6: Rule = {
  comment: "::1 cannot be led to a container",
  expressions: [...matchNetwork("destination", loopback6), decide({ code: Verdict.return })],
};

const entryChains: readonly ChainSpecification[] = [
  { name: "prerouting", hook: natHooks.prerouting, first: [toLocalAddresses] },
  { name: "output", hook: natHooks.output, first: [notToLoopback6, toLocalAddresses] },
  {
    name: "hostports",
    first: precisions.map((precision) => ({
      comment: precision === "address" ? "a specific address first" : "then any address",
      expressions: [decide({ code: Verdict.jump, chain: DISPATCH[precision] })],
    })),
  },
];

/**
 * For localhost to work the kernel must route 127.0.0.0/8 to the containers' interface; what comes in by it must not
 * get at the host's own services there (CVE-2020-8558).
 */
const guard: ChainSpecification = {
  name: "guard",
  // NF_IP_PRI_RAW: before connection tracking gives packets of our own connections their old addresses back.
  hook: { type: "filter", number: 0, priority: -300 },
  first: [
    {
      comment: "nobody else speaks to this host's localhost",
      expressions: [
        loadMeta(Meta.iifname, REGISTER),
        compare(REGISTER, Comparison.notEqual, interfaceKey("lo")),
        ...matchNetwork("destination", loopback4),
        counter(),
        decide({ code: Verdict.drop }),
      ],
    },
  ],
};

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
    comment: `from neighbours in ${formatCidr(network)}`,
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
function unmarkRules(bit: number): Rule[] {
  return families.map((family) => ({
    comment: `to be masqueraded by nobody else (IPv${family})`,
    expressions: [
      ...matchFamily(family),
      ...inSet(family, setName.target(family)),
      ...changeMark(bit, false),
    ],
  }));
}

function masqueradeChains({ markBit }: Profile, networks: readonly Cidr[]): ChainSpecification[] {
  const bit = hostOrder(bitOf(markBit));
  const chain = `marked-${markBit}`;
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
    { name: "hostports-postrouting", hook: beforeIptables, first: [], others: [marked] },
    {
      name: chain,
      first: [
        {
          comment: "in need of the node's address",
          expressions: [decide({ code: Verdict.jump, chain: "hairpin" })],
        },
        ...unmarkRules(bitOf(markBit)),
      ],
    },
    { name: "hairpin", first: hairpinRules, others: networks.map(neighbourRule) },
  ];
}

/** The chains that a forwarding needs. Throws code 7 if its conditions cannot be expressed. */
export function chainsOf(forwarding: Forwarding): ChainSpecification[] {
  const profile = profileOf(forwarding);
  const networks = forwarding.targets.filter((cidr) => !isSingle(cidr)).map(networkOf);
  return [
    ...entryChains,
    ...precisions.map((precision) => ({
      name: DISPATCH[precision],
      first: [],
      others: dispatchRules(profile, precision),
    })),
    ...precisions.map((precision) => lookupChain(profile, precision)),
    ...masqueradeChains(profile, forwarding.snat ? networks : []),
    guard,
  ];
}

/** Everything a forwarding needs but the elements, right afterwards whatever was there before. */
export function fixedRules(held: readonly HeldRule[], forwarding: Forwarding): NetlinkMessage[] {
  return [
    newOwnTable(),
    ...setsOf(profileOf(forwarding)).map((set, index) => newSet(ownTable, set, index + 1)),
    ...putInOrder(ownTable, held, chainsOf(forwarding)),
  ];
}
