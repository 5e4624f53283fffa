/** Whether the kernel can do what a record wants of nftables: a transaction that is not committed. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { generationOf, tryWithoutCommit } from "../nftables/transaction.ts";
import { makeStructure } from "./changes.ts";
import type { FilterContext } from "./kernel.ts";
import { features } from "./projection.ts";
import type { FilterRecord } from "./record.ts";
import { readState } from "./state.ts";
import type { Structure } from "./structure.ts";

/** The structure under other names, so that nothing of ours is touched. */
function trialOf({ sets, chains }: Structure): Structure {
  const rename = <Value extends { readonly table: { readonly family: number } }>(value: Value): Value => ({
    ...value,
    table: { family: value.table.family, name: "podwire-trial" },
  });
  return { sets: sets.map(rename), chains: chains.map(rename) };
}

/** Without an answer from the kernel where it has rules of the same kinds already. */
export function prepare(context: FilterContext, record: FilterRecord): void {
  const state = readState(context);
  const isKnown = state !== undefined && state.generation === generationOf(context.connection);
  const kinds = new Set(isKnown ? state.groups.map(({ kind }) => kind) : []);
  for (const feature of features) {
    const structure = feature.structureOf(feature.groupsOf(record));
    if (structure.chains.length === 0 || kinds.has(feature.kind)) continue;
    const refusal = tryWithoutCommit(context.connection, makeStructure(trialOf(structure)));
    if (refusal === undefined) continue;
    // Without a permission or memory, the kernel may have the feature all the same.
    if (refusal.kind === "io" || refusal.kind === "passing") throw refusal;
    const message = `${feature.name} by nftables does not work on this kernel: ${refusal.message}`;
    throw new CniError(ErrorCode.notAvailable, message, feature.advice, refusal);
  }
}
