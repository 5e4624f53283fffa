/** Fragments: what a part of a datagram says of where it goes. Pure. */
import type { Family } from "../../shared/ip/address.ts";
import {
  Comparison,
  compare,
  decide,
  type Expression,
  Header,
  loadFragmentPlace,
  loadPayload,
  maskBits,
  registerAt,
  Verdict,
} from "../../shared/nftables/expression.ts";
import { matchFamily } from "../../shared/nftables/match.ts";
import type { Rule } from "../../shared/nftables/message.ts";

const REGISTER = registerAt(0);

/** Goes on only with a first fragment, or only with later ones: 13 bits say where it belongs (RFC 791, RFC 8200). */
export function matchFragment(family: Family, comparison: number): Expression[] {
  const load = family === 6 ? loadFragmentPlace(REGISTER) : loadPayload(Header.network, 6, 2, REGISTER);
  const mask = family === 6 ? [0xff, 0xf8] : [0x1f, 0xff];
  return [
    ...matchFamily(family),
    load,
    maskBits(REGISTER, new Uint8Array(mask)),
    compare(REGISTER, comparison, new Uint8Array(2)),
  ];
}

/** A first fragment of IPv6 goes to a chain that drops it if its headers are incomplete, as RFC 8200, section 4.5, allows. */
export const fragmentRule: Rule = {
  comment: "first fragments",
  expressions: [...matchFragment(6, Comparison.equal), decide({ code: Verdict.jump, chain: "fragments" })],
};

export const fragmentChain = {
  name: "fragments",
  rules: [
    {
      comment: "a fragment that says where it goes",
      // No transport protocol begins with 32 bits of zero. A load beyond the packet ends the rule.
      expressions: [
        loadPayload(Header.transport, 0, 4, REGISTER),
        compare(REGISTER, Comparison.notEqual, new Uint8Array(4)),
        decide({ code: Verdict.return }),
      ],
    },
    { comment: "a fragment that hides where it goes", expressions: [decide({ code: Verdict.drop })] },
  ],
};
