/** CHECK: iptables-restore is asked whether the rules of a record are there. */
import { drift, RECREATE } from "../../attachment/check.ts";
import type { Family } from "../../ip/address.ts";
import { rulesOfChain } from "../../nftables/remove-chains.ts";
import type { FilterContext } from "../kernel.ts";
import type { FilterRecord, RecordKind } from "../record.ts";
import { questionsOf, tooMany } from "./input.ts";
import { legacyTool, nftChains, nftTable } from "./nat-chains.ts";
import {
  findRestore,
  forwarding,
  hostPorts,
  masquerading,
  type Purpose,
  RestoreRefused,
  requireRestore,
  runRestore,
  type Tool,
} from "./restore.ts";
import { isSharedChain, ownChains } from "./rules.ts";
import type { ChangedTable } from "./saved.ts";

export const families: readonly Family[] = [4, 6];

const purposes: Readonly<Record<RecordKind, Purpose>> = {
  interface: masquerading,
  portmap: hostPorts,
  firewall: forwarding,
};
export const purposeOf = ({ kind }: FilterRecord): Purpose => purposes[kind];
export const isOurs = ({ backend }: FilterRecord): boolean => backend === "iptables";

/** For what attachments share. */
const ADVICE = "another program changed the packet filter: the next ADD on this node brings the rules back";

/** What a refusal says: the line, or the name of a chain that does not exist. */
const LINE = /line:? (\d+)/;
const CHAIN = /(?:Chain|target) [`'](\S+)'/;

function checkWith(context: FilterContext, tool: Tool, family: Family, record: FilterRecord): void {
  // iptables-nft-restore --test looks at no rule, and iptables-legacy-restore removes nothing with it.
  const isTest = tool.variant === "legacy";
  const questions = questionsOf(record, family, isTest);
  try {
    const input = questions.map(({ line }) => `${line}\n`).join("");
    runRestore(tool, input, purposeOf(record), isTest ? "test" : undefined);
  } catch (thrown) {
    if (!(thrown instanceof RestoreRefused)) throw thrown;
    const chain = CHAIN.exec(thrown.said)?.[1];
    const question = questions[Number(LINE.exec(thrown.said)?.[1]) - 1];
    const what = chain === undefined ? question?.missing || thrown.message : `the chain ${chain} is missing`;
    const isShared = isSharedChain(chain ?? "") || question?.isShared === true;
    throw drift(`${purposeOf(record).name}: ${what} (IPv${family})`, isShared ? ADVICE : RECREATE);
  }
  if (isTest) return;
  for (const { table, name, rules } of ownChains(record, family)) {
    const count = rulesOfChain(context.connection, nftTable(family, table), name).length;
    if (count > rules.length)
      throw drift(`${purposeOf(record).name}: ${tooMany(name)} (IPv${family})`, RECREATE);
  }
}

export function check(context: FilterContext, record: FilterRecord): void {
  if (!isOurs(record)) return;
  for (const family of families) {
    const own = ownChains(record, family);
    const [first] = own;
    if (first === undefined) continue;
    const chains = own.map(({ name }) => name);
    const plain = requireRestore(family, context.environment, purposeOf(record));
    // The rules may be the other variant's: they stay when the plain tool becomes another one.
    const [tool = plain] = toolsInUse(context, family, chains, first.table);
    checkWith(context, tool, family, record);
  }
}

/** The tools of the variants that have one of the chains: nf_tables surely, legacy perhaps. Starts no process. */
export function toolsInUse(
  context: FilterContext,
  family: Family,
  chains: readonly string[],
  table: ChangedTable,
): Tool[] {
  const isInNft = nftChains(context, family, chains, table).length > 0;
  const nft = isInNft ? findRestore(family, context.environment, "nf_tables") : undefined;
  return [nft, legacyTool(context, family, table)].filter((tool) => tool !== undefined);
}
