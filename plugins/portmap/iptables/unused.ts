/** The rules that masquerade by a mark bit which no attachment has any more. */
import type { Family } from "../../../shared/ip/address.ts";
import { readLegacyTable } from "../../../shared/netfilter/iptables/legacy-variant.ts";
import { nftTable } from "../../../shared/netfilter/iptables/nat-table.ts";
import { type Purpose, requireRestore, runRestore } from "../../../shared/netfilter/iptables/restore.ts";
import { rulesOfChain } from "../../../shared/netfilter/nftables/chain-removal.ts";
import { deleteRule } from "../../../shared/netfilter/nftables/message.ts";
import { retryCommit } from "../../../shared/netfilter/nftables/transaction.ts";
import { searchable } from "../../../shared/netfilter/search.ts";
import type { Forwarding, PortmapHost } from "../adaptor.ts";
import { DEFAULT_MARK_BIT } from "../config.ts";
import { MASQUERADE, masqueradeRemoval, restoreInput } from "./rules.ts";

const CHAIN = "POSTROUTING";

/** The bit of a rule that masquerades host ports, if it is none of those. */
function unusedBit(body: Uint8Array, bits: ReadonlySet<number>): number | undefined {
  const found = MASQUERADE.exec(searchable(body))?.[1];
  return found === undefined || bits.has(Number(found)) ? undefined : Number(found);
}

/** The usual bit's rule stays. Legacy tables change only through the tool: one run where there is something to remove. */
export function removeUnusedMarks(
  { connection, environment }: PortmapHost,
  family: Family,
  used: readonly Forwarding[],
  purpose: Purpose,
): void {
  const bits = new Set([DEFAULT_MARK_BIT, ...used.map(({ markBit }) => markBit)]);
  const table = nftTable(family);
  retryCommit(connection, () =>
    rulesOfChain(connection, table, CHAIN)
      .filter(({ body }) => unusedBit(body, bits) !== undefined)
      .map(({ handle }) => deleteRule(table, CHAIN, handle)),
  );
  const legacy = (readLegacyTable(family, "nat") ?? []).filter(({ chain }) => chain === CHAIN);
  const lines = legacy.flatMap(({ body }) => {
    const bit = unusedBit(body, bits);
    return bit === undefined ? [] : [masqueradeRemoval(bit)];
  });
  if (lines.length === 0) return;
  runRestore(requireRestore(family, environment, "legacy", purpose), restoreInput(lines, []), purpose);
}
