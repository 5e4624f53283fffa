/** The guard of a network: a table of its own with one rule and one set of addresses. Pure. */
import { networkText, shortName } from "../../shared/cni/attachment.ts";
import type { Family } from "../../shared/ip/address.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import { NetfilterFamily } from "../../shared/netlink/netfilter.ts";
import {
  Comparison,
  compare,
  decide,
  Header,
  loadMeta,
  loadPayload,
  lookup,
  Meta,
  registerAt,
  Verdict,
} from "../../shared/nftables/expression.ts";
import { addressTypes, loadAddress, matchFamily } from "../../shared/nftables/match.ts";
import {
  type KernelRule,
  newChain,
  newRule,
  newTable,
  type Rule,
  type Table,
} from "../../shared/nftables/message.ts";
import { newSet } from "../../shared/nftables/set.ts";

export const GUARD_CHAIN = "vxlan";
/**
 * NF_INET_LOCAL_IN sees only packets to the node itself, so pods' forwarded packets pay nothing. NF_IP_PRI_RAW comes
 * before connection tracking: a dropped packet gets no entry there.
 */
const hook = { type: "filter", number: 1, priority: -300 } as const;
const UDP = 17;
/** Offsets from the UDP header: the destination port, and the VNI in the second word of the VXLAN header. */
const PORT_OFFSET = 2;
const VNI_OFFSET = 8 + 4;

export interface Guard {
  readonly network: string;
  readonly vni: number;
  readonly port: number;
  readonly family: Family;
}

export function guardSet({ vni, port, family }: Guard): string {
  return `vteps${family}-${vni}-${port}`;
}

/** A table for each network: what one network does touches no other. */
export const guardTable = (network: string): Table => ({
  family: NetfilterFamily.inet,
  name: `podwire-vxlan-${shortName(network)}`,
});

const guardComment = (guard: Guard): string => `only peers in ${guardSet(guard)} send VXLAN`;

function guardRule(guard: Guard): Rule {
  const { vni, port, family } = guard;
  const register = registerAt(0);
  return {
    comment: guardComment(guard),
    expressions: [
      ...matchFamily(family),
      loadMeta(Meta.transportProtocol, register),
      compare(register, Comparison.equal, new Uint8Array([UDP])),
      loadPayload(Header.transport, PORT_OFFSET, 2, register),
      compare(register, Comparison.equal, new Uint8Array([port >> 8, port & 0xff])),
      loadPayload(Header.transport, VNI_OFFSET, 3, register),
      compare(register, Comparison.equal, new Uint8Array([vni >> 16, (vni >> 8) & 0xff, vni & 0xff])),
      loadAddress("source", family),
      lookup(guardSet(guard), register, true),
      decide({ code: Verdict.drop }),
    ],
  };
}

/** Whether the rules of the table are what podwire makes for the guard. */
export const isGuardRule = (rules: readonly KernelRule[], guard: Guard): boolean =>
  rules.length === 1 && rules[0]?.isSigned === true && rules[0].comment === guardComment(guard);

/** Makes the table, its set and its rule, without any address. */
export function makeGuard(guard: Guard): NetlinkMessage[] {
  const table = guardTable(guard.network);
  const set = { name: guardSet(guard), key: [addressTypes[guard.family]], comment: "addresses of the peers" };
  return [
    newTable(table, `${networkText(guard.network)}guard of the overlay`),
    newSet(table, set, 1),
    newChain(table, GUARD_CHAIN, hook),
    newRule(table, GUARD_CHAIN, guardRule(guard)),
  ];
}
