/** The guard of a network: a table of its own, with its rules and one set of addresses. Pure. */
import { networkText, shortName } from "../../shared/cni/attachment.ts";
import type { Family } from "../../shared/ip/address.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import { NetfilterFamily } from "../../shared/netlink/netfilter.ts";
import {
  Comparison,
  compare,
  decide,
  type Expression,
  Header,
  loadMeta,
  loadPayload,
  loadReverseInterface,
  lookup,
  Meta,
  registerAt,
  Verdict,
} from "../../shared/nftables/expression.ts";
import { addressTypes, loadAddress, matchFamily, matchUdpPort } from "../../shared/nftables/match.ts";
import {
  type Hook,
  type KernelRule,
  newChain,
  newRule,
  newTable,
  type Rule,
  type Table,
} from "../../shared/nftables/message.ts";
import { interfaceKey, newSet } from "../../shared/nftables/set.ts";
import { beforeTracking, portUntracked, RAW } from "../../shared/nftables/untracked.ts";
import { fragmentChain, fragmentRule, matchFragment } from "./guard-fragments.ts";

const REGISTER = registerAt(0);
/** The hooks of enum nf_inet_hooks. */
const hooks = {
  prerouting: beforeTracking,
  input: { type: "filter", number: 1, priority: RAW },
  forward: { type: "filter", number: 2, priority: RAW },
} as const satisfies Record<string, Hook>;
/** From the UDP header to the VNI, in the second word of the VXLAN header. */
const VNI_OFFSET = 8 + 4;
/**
 * Kinds of interfaces that lead to no pod. A physical interface has no kind. VRF: the kernel shows a packet a second time, with the VRF
 * as its interface.
 */
const uplinkKinds = ["bond", "team", "vrf", "wireguard"];

export interface Guard {
  readonly network: string;
  readonly vni: number;
  readonly port: number;
  readonly family: Family;
  /** Where no list of peers is known: the one interface that frames may come in by. */
  readonly underlay?: string;
}

interface GuardChain {
  readonly name: string;
  readonly hook?: Hook;
  readonly rules: readonly Rule[];
}

export function guardSet({ vni, port, family }: Guard): string {
  return `vteps${family}-${vni}-${port}`;
}

/** A table for each network: what one network does touches no other. */
export const guardTable = (network: string): Table => ({
  family: NetfilterFamily.inet,
  name: `podwire-vxlan-${shortName(network)}`,
});

const drop = decide({ code: Verdict.drop });
const leave = decide({ code: Verdict.return });
const toChain = (chain: string): Expression => decide({ code: Verdict.goto, chain });

const isPeer = (guard: Guard, end: "source" | "destination", inverted = false): Expression[] => [
  loadAddress(end, guard.family),
  lookup(guardSet(guard), REGISTER, inverted),
];

const matchInterface = (key: number, name: string, comparison: number): Expression[] => [
  loadMeta(key, REGISTER),
  compare(REGISTER, comparison, interfaceKey(name)),
];

/**
 * Goes on with a packet whose source is routed elsewhere than to the interface it came by, unless that is an uplink: two uplinks
 * may have routes that differ. The route follows every change of the underlay.
 */
const comesFromElsewhere: readonly Expression[] = [
  loadReverseInterface(REGISTER),
  compare(REGISTER, Comparison.equal, new Uint8Array(4)),
  // Ends the rule for an interface without a kind.
  ...uplinkKinds.flatMap((kind) => matchInterface(Meta.iifkind, kind, Comparison.notEqual)),
];

const matchFrames = ({ family, port }: Guard): Expression[] => [
  ...matchFamily(family),
  ...matchUdpPort(port),
];

/** A datagram whose VNI cannot be read, as in a short first fragment, goes on to the next rule. */
const otherOverlays = ({ vni }: Guard): Rule => ({
  comment: `VXLAN of other overlays than ${vni}`,
  expressions: [
    loadPayload(Header.transport, VNI_OFFSET, 3, REGISTER),
    compare(REGISTER, Comparison.notEqual, new Uint8Array([vni >> 16, (vni >> 8) & 0xff, vni & 0xff])),
    leave,
  ],
});

/** What is special about a network with a list of peers. */
function peerRules(guard: Guard): Record<"arriving" | "strangers" | "forwarded", Rule[]> {
  const set = guardSet(guard);
  const forged = [...isPeer(guard, "source"), ...comesFromElsewhere, drop];
  return {
    arriving: [
      {
        comment: `peers in ${set} are where the routes say`,
        expressions: [...matchFrames(guard), ...forged],
      },
      {
        comment: `fragments of peers in ${set} too`,
        expressions: [...matchFragment(guard.family, Comparison.notEqual), ...forged],
      },
    ],
    strangers: [
      {
        comment: `only peers in ${set} send VXLAN`,
        // nft lists an address as one only behind its family, and reads nothing else back.
        expressions: [...matchFamily(guard.family), ...isPeer(guard, "source", true), drop],
      },
    ],
    forwarded: [
      {
        comment: `pods send no VXLAN to peers in ${set}`,
        expressions: [
          ...matchFrames(guard),
          ...isPeer(guard, "destination"),
          ...isPeer(guard, "source", true),
          drop,
        ],
      },
    ],
  };
}

/** The same for a network whose peers are unknown, as behind a multicast group. */
function underlayRules(guard: Guard, underlay: string): ReturnType<typeof peerRules> {
  return {
    arriving: [],
    strangers: [
      {
        comment: `VXLAN comes in by ${underlay}`,
        expressions: [...matchInterface(Meta.iifname, underlay, Comparison.notEqual), drop],
      },
    ],
    forwarded: [
      {
        comment: `pods send no VXLAN by ${underlay}`,
        expressions: [
          ...matchFrames(guard),
          ...matchInterface(Meta.oifname, underlay, Comparison.equal),
          toChain("leaving"),
        ],
      },
    ],
  };
}

function chainsOf(guard: Guard): GuardChain[] {
  const { underlay, family } = guard;
  const special = underlay === undefined ? peerRules(guard) : underlayRules(guard, underlay);
  const other = otherOverlays(guard);
  const leaving = { name: "leaving", rules: [other, { comment: "from a pod", expressions: [drop] }] };
  return [
    ...(family === 6 ? [fragmentChain] : []),
    ...(underlay === undefined ? [] : [leaving]),
    { name: "frames", rules: [other, ...special.strangers] },
    {
      name: "arriving",
      hook: hooks.prerouting,
      rules: [...(family === 6 ? [fragmentRule] : []), ...special.arriving, portUntracked(guard.port)],
    },
    {
      name: "vxlan",
      hook: hooks.input,
      rules: [
        {
          comment: `VXLAN to port ${guard.port} of this node`,
          expressions: [...matchFrames(guard), toChain("frames")],
        },
      ],
    },
    { name: "forwarded", hook: hooks.forward, rules: special.forwarded },
  ];
}

/** Whether the rules of the table are what podwire makes for the guard. */
export function isGuard(present: readonly KernelRule[], guard: Guard): boolean {
  const wanted = chainsOf(guard).flatMap(({ name, rules }) =>
    rules.map(({ comment }) => `${name} ${comment}`),
  );
  const held = present.map(({ chain, comment }) => `${chain} ${comment}`);
  return present.every(({ isSigned }) => isSigned) && held.sort().join("\n") === wanted.sort().join("\n");
}

/** Makes the table, its set and its rules, without any address. */
export function makeGuard(guard: Guard): NetlinkMessage[] {
  const table = guardTable(guard.network);
  const set = { name: guardSet(guard), key: [addressTypes[guard.family]], comment: "addresses of the peers" };
  const chains = chainsOf(guard);
  return [
    newTable(table, `${networkText(guard.network)}guard of the overlay`),
    newSet(table, set, 1),
    ...chains.map(({ name, hook }) => newChain(table, name, hook)),
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => newRule(table, name, rule))),
  ];
}
