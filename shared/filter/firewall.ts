/**
 * Traffic of containers is forwarded, whatever the policy of the chain FORWARD: all that they send, the answers to it, and what the host's
 * ports lead to them. Pure.
 *
 * In nf_tables, accept ends only the base chain that it stands in. The policy DROP that is to be overruled is that of iptables' chain, so
 * the last word has to be spoken there. What looks the addresses up is here, before it: one set a network, in which each attachment has
 * its addresses. A packet that is found gets a mark, and one rule of iptables accepts the mark (forward-gate.ts). So neither a packet
 * nor an ADD pays for the attachments that exist, and iptables-save lists nothing that iptables-restore would not take.
 */
import { ownerComment, shortName } from "../cni/attachment.ts";
import { type Family, toBytes } from "../ip/address.ts";
import { type Cidr, formatCidr } from "../ip/cidr.ts";
import {
  decide,
  type Expression,
  lookup,
  matchAnswers,
  matchTranslated,
  registerAt,
  Verdict,
} from "../nftables/expression.ts";
import { addressTypes, changeMark, loadAddress, matchFamily, matchMark } from "../nftables/match.ts";
import type { Rule } from "../nftables/message.ts";
import { encodeText } from "../system/text.ts";
import type { FilterRecord } from "./record.ts";
import {
  ACCEPTED_BIT,
  type AdminGroup,
  type Chain,
  type Feature,
  type FirewallGroup,
  type Group,
  inetTable,
  type Structure,
} from "./structure.ts";

const REGISTER = registerAt(0);

/** NF_INET_FORWARD: include/uapi/linux/netfilter.h. */
export const FORWARD_HOOK = 2;

/** Priorities of the hook: after NF_IP_PRI_MANGLE, whose rules may set the whole mark; before NF_IP_PRI_FILTER, where iptables filters. */
const BEFORE_FILTER = -1;
/** After all that filters: neither routing nor a classifier behind it sees the mark. */
const AFTER_FILTER = 1000;

export const FORWARDED_SET = /^forwarded[46]-/;

const setName = ({ family, network }: FirewallGroup): string => `forwarded${family}-${network}`;

/** What the addresses of a record do not say, in user data of its elements: for records that are recovered from the kernel. */
export const FIREWALL_DATUM = 0x66;

function ruleOf(
  group: FirewallGroup,
  end: "source" | "destination",
  what: string,
  matches: readonly Expression[],
): Rule {
  return {
    comment: `${setName(group)}: ${what}`,
    expressions: [
      ...matchFamily(group.family),
      loadAddress(end, group.family),
      lookup(setName(group), REGISTER),
      ...matches,
      ...changeMark(ACCEPTED_BIT, true),
      decide({ code: Verdict.accept }),
    ],
  };
}

/** New connections come in only where the host leads them to the container: by a host port, say. */
const rulesOf = (group: FirewallGroup): Rule[] => [
  ruleOf(group, "source", "what they send", []),
  ruleOf(group, "destination", "answers to them", matchAnswers(REGISTER)),
  ruleOf(group, "destination", "what the host sends on to them", matchTranslated(REGISTER)),
];

function structureOf(groups: readonly Group[]): Structure {
  const own = groups.filter((group): group is FirewallGroup => group.kind === "firewall");
  if (own.length === 0) return { sets: [], chains: [] };
  const hook = (priority: number) => ({ type: "filter", number: FORWARD_HOOK, priority });
  const clear = (comment: string): Rule => ({ comment, expressions: changeMark(ACCEPTED_BIT, false) });
  const marking: Chain = {
    table: inetTable,
    name: "forward",
    hook: hook(BEFORE_FILTER),
    rules: [clear("no other program sets the mark"), ...own.flatMap(rulesOf)],
  };
  const last = "the mark has done its work";
  const clearing: Chain = {
    table: inetTable,
    name: "forward-end",
    hook: hook(AFTER_FILTER),
    rules: [
      { comment: last, expressions: [...matchMark(ACCEPTED_BIT, true), ...changeMark(ACCEPTED_BIT, false)] },
    ],
  };
  return {
    sets: own.map((group) => ({
      table: inetTable,
      name: setName(group),
      key: [addressTypes[group.family]],
      comment: "containers whose traffic is forwarded, each with its owner",
    })),
    chains: [marking, clearing],
  };
}

/** Empty unless the rules are this backend's. */
const forwardedOf = ({ backend, firewall, addresses = [] }: FilterRecord): readonly Cidr[] =>
  backend === "nftables" && (firewall?.admins ?? []).length > 0 ? addresses : [];

const groupOf = ({ owner }: FilterRecord, family: Family): FirewallGroup => ({
  kind: "firewall",
  family,
  network: shortName(owner.network),
});

function groupsOf(record: FilterRecord): Group[] {
  const families = new Set(forwardedOf(record).map(({ address }) => address.family));
  return [...families].flatMap((family) => [
    groupOf(record, family),
    ...(record.firewall?.admins ?? []).map((chain): AdminGroup => ({ kind: "admin", family, chain })),
  ]);
}

export const firewall: Feature = {
  kind: "firewall",
  name: "the firewall",
  advice: 'load the module nft_ct, or set "backend" to "iptables"',
  groupsOf,
  elementsOf: (record) =>
    forwardedOf(record).map((cidr) => ({
      table: inetTable,
      set: setName(groupOf(record, cidr.address.family)),
      element: {
        key: [toBytes(cidr.address)],
        comment: ownerComment(record.owner),
        extra: [{ type: FIREWALL_DATUM, value: encodeText(JSON.stringify(record.firewall)) }],
      },
      what: `the forwarded address ${formatCidr(cidr)}`,
    })),
  structureOf,
};
