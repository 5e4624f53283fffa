/**
 * The way through the chain FORWARD of iptables-legacy (forward-gate.ts has that of iptables-nft). Only where the kernel has its table
 * filter: without it nothing there drops anything. Each question and each change is one process.
 */
import type { Family } from "../../ip/address.ts";
import type { FilterContext } from "../kernel.ts";
import { ACCEPTED_BIT } from "../structure.ts";
import { ACCEPTED, adminComment, ENTRY, GATE } from "./forward.ts";
import { legacyTool } from "./nat-chains.ts";
import { forwarding, RestoreRefused, runRestore, runSave, type Tool } from "./restore.ts";
import { addition, commented, maskOf, type Rule, ruleText, shared } from "./rule.ts";
import { removalInput, restoreInput } from "./saved.ts";

const entry: Rule = { ...shared("filter", "FORWARD", "", ENTRY, GATE), isFirst: true };
const accept: Rule = {
  table: "filter",
  chain: GATE,
  spec: `-m mark --mark ${maskOf(ACCEPTED_BIT)}/${maskOf(ACCEPTED_BIT)} ${commented(ACCEPTED)} -j ACCEPT`,
};
const rulesFor = (admins: readonly string[]): Rule[] => [
  ...admins.map((chain) => shared("filter", GATE, "", adminComment(chain), chain)),
  accept,
];

function isOpen(tool: Tool, admins: readonly string[]): boolean {
  const lines = [entry, ...rulesFor(admins)].map((rule) => `-C ${ruleText(rule)}`);
  try {
    runRestore(tool, restoreInput({ filter: lines }), forwarding);
    return true;
  } catch (thrown) {
    if (thrown instanceof RestoreRefused) return false;
    throw thrown;
  }
}

function open(tool: Tool, admins: readonly string[]): void {
  const saved = runSave(tool, "filter", forwarding);
  const chains = [GATE, ...admins.filter((chain) => !saved.chains.has(chain))];
  const lines = [
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...rulesFor(admins).map(addition),
    ...(saved.rules.includes(ruleText(entry)) ? [] : [addition(entry)]),
  ];
  runRestore(tool, restoreInput({ filter: lines }), forwarding);
}

/** Whether the way is as it should be, or is not needed. `admins`: chains of administrators; without any, no record needs it. */
export function isLegacyGateOpen(context: FilterContext, family: Family, admins: readonly string[]): boolean {
  const tool = admins.length === 0 ? undefined : legacyTool(context, family, "filter");
  return tool === undefined || isOpen(tool, admins);
}

/** Makes the way, or removes it where no record needs it. Throws CniError. */
export function setLegacyGate(context: FilterContext, family: Family, admins: readonly string[]): void {
  const tool = legacyTool(context, family, "filter");
  if (tool === undefined) return;
  if (admins.length === 0) {
    const input = removalInput("filter", runSave(tool, "filter", forwarding), (chain) => chain === GATE);
    runRestore(tool, input, forwarding);
  } else if (!isOpen(tool, admins)) open(tool, admins);
}
