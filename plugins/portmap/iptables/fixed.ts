/** The rules and chains that all attachments share: whether they are in place, and what puts them there. */
import type { FixedNeeds, FixedRule } from "./rules.ts";
import { bucketChains, bucketRules, HOSTPORTS_CHAIN, sharedRules } from "./rules.ts";
import type { TableView } from "./view.ts";

/** What an input has to begin with, per table. */
export interface Repair {
  readonly nat: readonly string[];
  readonly raw: readonly string[];
}

function isHeld(view: TableView, { table, chain, comment }: FixedRule): boolean {
  return view.rules(table, chain).some((rule) => rule.text.includes(comment));
}

/** Whether the chain sends on into all buckets; a rule of the kernel's own may follow. */
function hasBucketRules(view: TableView, needs: FixedNeeds): boolean {
  const held = view.rules("nat", HOSTPORTS_CHAIN);
  return bucketRules(needs).every(({ comment }, index) => {
    const rule = held[index];
    return rule?.text.includes(comment) === true && rule.jumpsTo(bucketChains[index] ?? "");
  });
}

/** The comment of the first rule that is missing, or undefined if all are there. */
export function missingFixed(view: TableView, needs: FixedNeeds): string | undefined {
  if (!hasBucketRules(view, needs)) return `the rules of the chain ${HOSTPORTS_CHAIN}`;
  const missing = sharedRules(needs).find((rule) => !isHeld(view, rule));
  return missing === undefined ? undefined : `the rule "${missing.comment}" in ${missing.chain}`;
}

/** Whether rules are in place that do without sets, because this kernel or this iptables has none. */
export function isWithoutSetRules(view: TableView, needs: FixedNeeds): boolean {
  return hasBucketRules(view, { ...needs, withSets: false });
}

/** The lines that bring what is missing. Chains that hold attachments' rules are not declared anew: that empties them. */
export function repairOf(view: TableView, needs: FixedNeeds): Repair {
  const present = view.present(bucketChains);
  const chains = bucketChains.filter((chain) => !present.includes(chain));
  const shared = sharedRules(needs).filter((rule) => !isHeld(view, rule));
  const linesOf = (table: FixedRule["table"]) =>
    shared.filter((rule) => rule.table === table).map(({ line }) => line);
  const isWhole = hasBucketRules(view, needs);
  return {
    nat: [
      ...(isWhole ? [] : [`:${HOSTPORTS_CHAIN} - [0:0]`]),
      ...chains.map((chain) => `:${chain} - [0:0]`),
      ...(isWhole ? [] : bucketRules(needs).map(({ line }) => line)),
      ...linesOf("nat"),
    ],
    raw: linesOf("raw"),
  };
}
