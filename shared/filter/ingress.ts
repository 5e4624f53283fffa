/**
 * ingressPolicy: what the host forwards to the containers of a bridge. Pure.
 *
 * "same-bridge": nothing that came in by another bridge with a policy. "isolated": nothing from this bridge either, which the host sees
 * where a container sends to it by way of the gateway, or with br_netfilter. A drop counts in every base chain, so this needs no other
 * table. The number of rules grows with the number of bridges.
 */
import {
  Comparison,
  compare,
  counter,
  decide,
  type Expression,
  loadMeta,
  Meta,
  registerAt,
  Verdict,
} from "../nftables/expression.ts";
import type { Rule } from "../nftables/message.ts";
import { interfaceKey } from "../nftables/set.ts";
import { FORWARD_HOOK } from "./firewall.ts";
import type { Change, FilterContext } from "./kernel.ts";
import type { FilterRecord } from "./record.ts";
import {
  type Feature,
  type Group,
  groupName,
  type IngressGroup,
  inetTable,
  type Structure,
} from "./structure.ts";

const REGISTER = registerAt(0);
/** Where all is asked that comes from a bridge with a policy. */
const TO_OTHERS = "to-other-bridges";
/** Before the chain that marks what is accepted. */
const BEFORE_MARKING = -2;

type End = typeof Meta.iifname | typeof Meta.oifname;

const isBridge = (end: End, bridge: string, comparison: number = Comparison.equal): Expression[] => [
  loadMeta(end, REGISTER),
  compare(REGISTER, comparison, interfaceKey(bridge)),
];

const drop: readonly Expression[] = [counter(), decide({ code: Verdict.drop })];

function fromBridge({ bridge, policy }: IngressGroup): Rule {
  if (policy === "isolated")
    return {
      comment: `containers of ${bridge} are isolated from each other`,
      expressions: [...isBridge(Meta.iifname, bridge), ...isBridge(Meta.oifname, bridge), ...drop],
    };
  return {
    comment: `from ${bridge} not to other bridges`,
    expressions: [
      ...isBridge(Meta.iifname, bridge),
      ...isBridge(Meta.oifname, bridge, Comparison.notEqual),
      decide({ code: Verdict.jump, chain: TO_OTHERS }),
    ],
  };
}

const toBridge = ({ bridge }: IngressGroup): Rule => ({
  comment: `nothing from other bridges to ${bridge}`,
  expressions: [...isBridge(Meta.oifname, bridge), ...drop],
});

function structureOf(groups: readonly Group[]): Structure {
  const own = groups.filter((group): group is IngressGroup => group.kind === "ingress");
  if (own.length === 0) return { sets: [], chains: [] };
  const hook = { type: "filter", number: FORWARD_HOOK, priority: BEFORE_MARKING };
  const isAlways = ({ policy }: IngressGroup) => policy === "same-bridge";
  return {
    sets: [],
    chains: [
      { table: inetTable, name: "ingress", hook, rules: own.map(fromBridge) },
      { table: inetTable, name: TO_OTHERS, rules: own.filter(isAlways).map(toBridge) },
    ],
  };
}

/** With "isolated", what "same-bridge" forbids is forbidden too: it is a group of its own. */
export function ingressGroups({ backend, firewall }: FilterRecord): IngressGroup[] {
  if (backend !== "nftables") return [];
  return (firewall?.ingress ?? []).flatMap(({ bridge, policy }) => {
    const base: IngressGroup = { kind: "ingress", bridge, policy: "same-bridge" };
    return policy === "isolated" ? [base, { ...base, policy }] : [base];
  });
}

/** Whether a policy of a bridge has lost its last record: its rules would go on dropping. */
export function isPolicyUnused({ some }: FilterContext, { removed }: Change): boolean {
  const isUsed = (group: Group) =>
    some("firewall", (record) => ingressGroups(record).some((each) => groupName(each) === groupName(group)));
  return removed.some((record) => !ingressGroups(record).every(isUsed));
}

export const ingress: Feature = {
  kind: "ingress",
  name: '"ingressPolicy"',
  advice: 'load the module nf_tables, or set "backend" to "iptables"',
  groupsOf: ingressGroups,
  elementsOf: () => [],
  structureOf,
};
