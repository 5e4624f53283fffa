/**
 * The way through iptables' chain FORWARD: its first rule jumps to a chain of podwire, which asks the administrator's chain, and accepts
 * what has the mark (firewall.ts). The rules are as iptables-nft writes them, and made by netlink, in the transaction of all else. They are
 * the same for any number of containers.
 *
 * The table and its chain are made where they are missing, as iptables would: a program that sets the policy to DROP later, as docker does
 * when it starts, finds them there.
 */
import type { Family } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { counter, decide, type Expression, matchMarkAsIptables, Verdict } from "../nftables/expression.ts";
import { familyNumbers, matchMark } from "../nftables/match.ts";
import {
  deleteChain,
  deleteRule,
  flushChain,
  type KernelRule,
  newChain,
  newRule,
  newTable,
  type Rule,
  type Table,
} from "../nftables/message.ts";
import { rulesOf } from "../nftables/query.ts";
import { jumpsTo, presentChains } from "../nftables/remove-chains.ts";
import { tryWithoutCommit } from "../nftables/transaction.ts";
import { bytesText } from "../system/text.ts";
import { FORWARD_HOOK } from "./firewall.ts";
import { ACCEPTED, adminComment, ENTRY, GATE } from "./iptables/forward.ts";
import { isLegacyGateOpen, setLegacyGate } from "./iptables/legacy-gate.ts";
import type { FilterContext } from "./kernel.ts";
import { ACCEPTED_BIT, type AdminGroup, type Group } from "./structure.ts";

const FORWARD = "FORWARD";

const families: readonly Family[] = [4, 6];
const tableOf = (family: Family): Table => ({ family: familyNumbers[family], name: "filter" });
/** NF_IP_PRI_FILTER. Without a policy: that of a new chain is accept, and that of another stays. */
const hook = { type: "filter", number: FORWARD_HOOK, priority: 0, isPolicyKept: true } as const;

const jump = (chain: string, comment: string): Rule => ({
  comment,
  expressions: [counter(), decide({ code: Verdict.jump, chain })],
});

const entry = jump(GATE, ENTRY);
const acceptIf = (marked: readonly Expression[]): Rule => ({
  comment: ACCEPTED,
  expressions: [...marked, counter(), decide({ code: Verdict.accept })],
});

/**
 * With the match module of iptables: iptables-nft before 1.8.8 lists a native comparison of the mark as nothing, and its rule would accept
 * everything when it is restored. A kernel without that module has a newer iptables.
 */
const accepts = [[matchMarkAsIptables(ACCEPTED_BIT)], matchMark(ACCEPTED_BIT, true)].map(acceptIf);

/** The first form that the kernel takes. */
function findAccept(connection: NetlinkConnection, { family }: Table): Rule {
  const trial = { family, name: "podwire-trial" };
  const isTaken = (rule: Rule) => {
    const messages = [newTable(trial), newChain(trial, GATE), newRule(trial, GATE, rule)];
    return tryWithoutCommit(connection, messages) === undefined;
  };
  return accepts.find(isTaken) ?? (accepts.at(-1) as Rule);
}

const adminsOf = (groups: readonly Group[], family: Family): string[] =>
  groups
    .filter((group): group is AdminGroup => group.kind === "admin" && group.family === family)
    .map(({ chain }) => chain);

const rulesFor = (admins: readonly string[], [accept] = accepts): Rule[] => [
  ...admins.map((chain) => jump(chain, adminComment(chain))),
  ...(accept === undefined ? [] : [accept]),
];

/** What the kernel has of the way. */
interface Found {
  readonly hasForward: boolean;
  readonly entries: readonly KernelRule[];
  readonly rules: readonly KernelRule[];
}

function find(connection: NetlinkConnection, table: Table): Found {
  const place = (chain: string) => ({ table, bases: [], chain });
  const present = presentChains(connection, [place(FORWARD), place(GATE)]).map(({ chain }) => chain);
  const rulesIn = (chain: string) => (present.includes(chain) ? rulesOf(connection, table, chain) : []);
  return {
    hasForward: present.includes(FORWARD),
    entries: present.includes(GATE)
      ? rulesIn(FORWARD).filter(({ body }) => jumpsTo(bytesText(body), GATE))
      : [],
    rules: rulesIn(GATE),
  };
}

/** iptables-restore has a comment as a match, and loses the signature: the text is in the rule either way. */
const isRule = (rule: KernelRule | undefined, { comment }: Rule): boolean =>
  rule !== undefined && bytesText(rule.body).includes(`${comment}\0`);

const isWhole = (rules: readonly KernelRule[], wanted: readonly Rule[]): boolean =>
  rules.length === wanted.length && wanted.every((rule, index) => isRule(rules[index], rule));

function open(
  connection: NetlinkConnection,
  table: Table,
  admins: readonly string[],
  found: Found,
): NetlinkMessage[] {
  const isRight = isWhole(found.rules, rulesFor(admins));
  const wanted = isRight ? [] : rulesFor(admins, [findAccept(connection, table)]);
  return [
    ...(found.hasForward ? [] : [newTable(table), newChain(table, FORWARD, hook)]),
    ...(isRight ? [] : [GATE, ...admins].map((chain) => newChain(table, chain))),
    ...(isRight || found.rules.length === 0 ? [] : [flushChain(table, GATE)]),
    ...wanted.map((rule) => newRule(table, GATE, rule)),
    ...(found.entries.length > 0 ? [] : [newRule(table, FORWARD, entry, true)]),
  ];
}

function close(table: Table, { entries, rules }: Found): NetlinkMessage[] {
  if (entries.length + rules.length === 0) return [];
  return [
    ...entries.map(({ chain, handle }) => deleteRule(table, chain, handle)),
    flushChain(table, GATE),
    deleteChain(table, GATE),
  ];
}

/** The messages that make the way what the groups want, from whatever is there. The administrator's chains stay. */
export function gateMessages(connection: NetlinkConnection, groups: readonly Group[]): NetlinkMessage[] {
  return families.flatMap((family) => {
    const table = tableOf(family);
    const admins = adminsOf(groups, family);
    const found = find(connection, table);
    return admins.length > 0 ? open(connection, table, admins, found) : close(table, found);
  });
}

/** What is wrong with the way, in words; undefined if nothing is. */
export function gateDamage(connection: NetlinkConnection, groups: readonly Group[]): string | undefined {
  for (const family of families) {
    const admins = adminsOf(groups, family);
    if (admins.length === 0) continue;
    const { entries, rules } = find(connection, tableOf(family));
    const where = `the table filter of iptables (IPv${family})`;
    if (rules.length > 0 && entries.length === 0)
      return `the jump from ${FORWARD} to ${GATE} is missing in ${where}`;
    if (!isWhole(rules, rulesFor(admins))) return `the chain ${GATE} is missing or changed in ${where}`;
  }
  return undefined;
}

/** Whether the way through iptables-legacy is as the groups want it. */
export const isLegacyOpen = (context: FilterContext, groups: readonly Group[]): boolean =>
  families.every((family) => isLegacyGateOpen(context, family, adminsOf(groups, family)));

/** Makes it what the groups want. Throws CniError. */
export function openLegacy(context: FilterContext, groups: readonly Group[]): void {
  for (const family of families) setLegacyGate(context, family, adminsOf(groups, family));
}
