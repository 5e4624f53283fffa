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
import { interfaceKey, newSet } from "../../../shared/netfilter/nftables/set.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import type { Forwarding } from "../adaptor.ts";
import { loopback4 } from "../localhost.ts";
import { compileConditions } from "./conditions.ts";
import { masqueradeChains } from "./hairpin-rules.ts";
import { changeMark, hostOrder } from "./mark.ts";
import {
  chainName,
  DISPATCH,
  mapName,
  type Precision,
  type Profile,
  precisions,
  profileOf,
  setsOf,
  startOf,
} from "./profile.ts";

const families: readonly Family[] = [4, 6];
const REGISTER = registerAt(0);

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
