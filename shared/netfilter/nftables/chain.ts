/** Chains as they should be, compared with those the kernel has; a rule is known by its comment. Pure. */
import type { NetlinkMessage } from "../../netlink/message.ts";
import { flushChain, type HeldRule, type Hook, newChain, newRule, type Rule, type Table } from "./message.ts";

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

function beginsRight(held: readonly HeldRule[], { first, others }: ChainSpecification): boolean {
  if (others === undefined && held.length !== first.length) return false;
  return first.every((rule, at) => held[at]?.comment === rule.comment);
}

function missingOthers(held: readonly HeldRule[], { others = [] }: ChainSpecification): Rule[] {
  return others.filter((rule) => !held.some(({ comment }) => comment === rule.comment));
}

/** Whether all of the chains are as they should be. `held`: the rules of the table. */
export function areInOrder(held: readonly HeldRule[], chains: readonly ChainSpecification[]): boolean {
  return chains.every((chain) => {
    const own = heldIn(held, chain);
    return beginsRight(own, chain) && missingOthers(own, chain).length === 0;
  });
}

/**
 * Brings the chains in order. They are all made before the first rule, as rules of one jump to another. One that begins
 * otherwise is emptied first: rules of others in it are lost then.
 */
export function putInOrder(
  table: Table,
  held: readonly HeldRule[],
  chains: readonly ChainSpecification[],
): NetlinkMessage[] {
  const made = chains.map(({ name, hook }) => newChain(table, name, hook));
  const filled = chains.flatMap((chain) => {
    const own = heldIn(held, chain);
    const { name, first, others = [] } = chain;
    const add = (rules: readonly Rule[]) => rules.map((rule) => newRule(table, name, rule));
    if (beginsRight(own, chain)) return add(missingOthers(own, chain));
    return [flushChain(table, name), ...add(first), ...add(others)];
  });
  return [...made, ...filled];
}
