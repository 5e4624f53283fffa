/** Chains as they should be, compared with those the kernel has, rule by rule. Pure. */
import type { NetlinkMessage } from "../../netlink/message.ts";
import {
  deleteRule,
  flushChain,
  type HeldRule,
  type Hook,
  insertRule,
  newChain,
  newRule,
  type Rule,
  type Table,
} from "./message.ts";
import { type Comparator, isSameBySign, isSameRule } from "./rule-text.ts";

export interface ChainSpecification {
  readonly name: string;
  readonly hook?: Hook;
  /** The rules it begins with, in this order. */
  readonly first: readonly Rule[];
  /** Rules that stand somewhere behind, among those of others; absent: there is nothing else. */
  readonly others?: readonly Rule[];
}

/** The rules of one chain out of those of its table. */
function heldIn(held: readonly HeldRule[], { name }: ChainSpecification): HeldRule[] {
  return held.filter(({ chain }) => chain === name);
}

function beginsRight(
  held: readonly HeldRule[],
  { first, others }: ChainSpecification,
  isSame: Comparator,
): boolean {
  if (others === undefined && held.length !== first.length) return false;
  return first.every((rule, at) => isSame(held[at], rule));
}

function missingOthers(
  held: readonly HeldRule[],
  { others = [] }: ChainSpecification,
  isSame: Comparator,
): Rule[] {
  return others.filter((rule) => !held.some((each) => isSame(each, rule)));
}

/** Those with the comment of one of the rules. */
function namedAs(held: readonly HeldRule[], rules: readonly Rule[]): HeldRule[] {
  return held.filter(({ comment }) => rules.some((rule) => rule.comment === comment));
}

/** Whether all of the chains are as they should be. `held`: the rules of the table. */
export function areInOrder(held: readonly HeldRule[], chains: readonly ChainSpecification[]): boolean {
  return chains.every((chain) => {
    const own = heldIn(held, chain);
    return beginsRight(own, chain, isSameBySign) && missingOthers(own, chain, isSameBySign).length === 0;
  });
}

/** Whether this version has made all of those rules of the base chains that it would make. */
export function areSigned(held: readonly HeldRule[], chains: readonly ChainSpecification[]): boolean {
  return chains.every((chain) => {
    if (chain.hook === undefined) return true;
    const own = namedAs(heldIn(held, chain), [...chain.first, ...(chain.others ?? [])]);
    return own.every(({ isMade }) => isMade);
  });
}

/** What is wrong with the first chain that is not as it should be, in words; undefined if all are. */
export function describeDisorder(
  held: readonly HeldRule[],
  chains: readonly ChainSpecification[],
): string | undefined {
  for (const chain of chains) {
    const own = heldIn(held, chain);
    const [wrong] = [
      ...chain.first.filter((rule, at) => !isSameRule(own[at], rule)),
      ...missingOthers(own, chain, isSameRule),
    ];
    if (wrong !== undefined) {
      const problem = namedAs(own, [wrong]).length === 0 ? "missing" : "changed, or out of its place";
      return `the rule "${wrong.comment}" of the chain ${chain.name} is ${problem}`;
    }
    if (!beginsRight(own, chain, isSameRule)) return `the chain ${chain.name} has a rule too many`;
  }
  return undefined;
}

/**
 * Brings the chains in order. They are all made before the first rule, as rules of one jump to another. Rules of others
 * stay where a chain has room for them.
 */
export function putInOrder(
  table: Table,
  held: readonly HeldRule[],
  chains: readonly ChainSpecification[],
): NetlinkMessage[] {
  const made = chains.map(({ name, hook }) => newChain(table, name, hook));
  return [...made, ...chains.flatMap((chain) => fill(table, heldIn(held, chain), chain))];
}

function fill(table: Table, held: readonly HeldRule[], chain: ChainSpecification): NetlinkMessage[] {
  const { name, first, others } = chain;
  const isRight = beginsRight(held, chain, isSameBySign);
  if (others === undefined) {
    return isRight ? [] : [flushChain(table, name), ...first.map((rule) => newRule(table, name, rule))];
  }
  const missing = missingOthers(held, chain, isSameBySign);
  // What has the comment of a rule that is not as it should be goes; its place is taken anew.
  const wrong = namedAs(held, isRight ? missing : [...first, ...missing]);
  return [
    ...wrong.map(({ handle }) => deleteRule(table, name, handle)),
    ...(isRight ? [] : first.toReversed().map((rule) => insertRule(table, name, rule))),
    ...missing.map((rule) => newRule(table, name, rule)),
  ];
}
