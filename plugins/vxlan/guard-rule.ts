/** The guard's rule and its set of peer addresses, one each per network, in our table. Pure. */
import { networkText } from "../../shared/cni/attachment.ts";
import type { Family } from "../../shared/ip/address.ts";
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
} from "../../shared/netfilter/nftables/expression.ts";
import type { HeldRule, Rule } from "../../shared/netfilter/nftables/message.ts";
import { loadAddress, matchFamily } from "../../shared/netfilter/nftables/own-table.ts";

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

const SET_WORD = "set=";

/** nft's limit for a comment is 128 characters. */
function guardComment(guard: Guard): string {
  return `${networkText(guard.network)}${SET_WORD}${guardSet(guard)} guard`;
}

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

/** The chain with the rule of one network; other networks' rules stay. */
export function guardChain(guard: Guard) {
  return { name: GUARD_CHAIN, hook, first: [], others: [guardRule(guard)] };
}

/** The rules of a network, also those for its former VNI or port. */
export function ownRules(rules: readonly HeldRule[], network: string): HeldRule[] {
  return rules.filter(
    (rule) => rule.chain === GUARD_CHAIN && rule.comment.startsWith(`${networkText(network)}${SET_WORD}`),
  );
}

/** The set that a rule of ours uses. */
export const setOf = ({ comment }: HeldRule) => /set=(\S+)/.exec(comment)?.[1] ?? "";
