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
import { type Cidr, hostCidr, isSingle, networkOf } from "../../../shared/ip/cidr.ts";
import { type ChainSpecification, putInOrder } from "../../../shared/netfilter/nftables/chain.ts";
import {
  Comparison,
  compare,
  counter,
  decide,
  Header,
  loadDestinationKind,
  loadMeta,
  loadPayload,
  lookupValue,
  Meta,
  registerAt,
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
import { DEFAULT_MARK_BIT } from "../config.ts";
import { loopback4 } from "../localhost.ts";
import { compileConditions } from "./conditions.ts";
import { hairpinSets, masqueradeChains } from "./hairpin-rules.ts";
import { changeMark, hostOrder } from "./mark.ts";

const families: readonly Family[] = [4, 6];
const REGISTER = registerAt(0);

type Conditions = Forwarding["conditions"];

/** Ports that are looked up alike. */
export interface Profile {
  /** What its maps and chains end in: nothing for the usual one. */
  readonly suffix: string;
  readonly markBit: number;
  readonly conditions: Conditions;
}

export function profileOf({ markBit, conditions }: Forwarding): Profile {
  const isUsual = markBit === DEFAULT_MARK_BIT && conditions[4].length === 0 && conditions[6].length === 0;
  const text = JSON.stringify([markBit, conditions[4], conditions[6]]);
  return { suffix: isUsual ? "" : `-${sha512(text).slice(0, 8)}`, markBit, conditions };
}

/** What a port is looked up by beside the protocol: the address too, or only the port. */
export type Precision = "address" | "any";
export const precisions: readonly Precision[] = ["address", "any"];

export function mapName(family: Family, precision: Precision, suffix: string): string {
  return `hostports${family}-${precision}${suffix}`;
}

/** The maps of a profile. */
export function mapNames(suffix: string): string[] {
  return families.flatMap((family) => precisions.map((precision) => mapName(family, precision, suffix)));
}

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
      ...hairpinSets(family),
    ];
  });
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

export const chainName = (precision: Precision, suffix: string): string => `to-${precision}${suffix}`;
export const DISPATCH = { address: "hostports-address", any: "hostports-any" } as const;

/** The chain that looks ports up, and marks what it translates. */
function lookupChain({ suffix, markBit }: Profile, precision: Precision): ChainSpecification {
  return {
    name: chainName(precision, suffix),
    first: [
      { comment: "what is found carries the mark", expressions: changeMark(markBit, true) },
      ...families.map((family) => translation(family, precision, suffix)),
      { comment: "what is not found does not", expressions: changeMark(markBit, false) },
    ],
  };
}

const PROFILE_START = "hostports";

/** What the comments of a profile's rules begin with. */
export const startOf = (suffix: string): string => `${PROFILE_START}${suffix}: `;

/** The rules that send packets which meet the conditions to a profile's chain. */
function dispatchRules({ suffix, conditions }: Profile, precision: Precision): Rule[] {
  const verdict = decide({ code: Verdict.jump, chain: chainName(precision, suffix) });
  const start = startOf(suffix);
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
    ...masqueradeChains(profile.markBit, forwarding.snat ? networks : []),
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
