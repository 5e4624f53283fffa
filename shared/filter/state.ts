/** What the kernel was given last: the groups in our tables, and the generation of the ruleset after that. */
import { isObject } from "../cni/fields.ts";
import { RULES_VERSION } from "../nftables/user-data.ts";
import type { FilterContext } from "./kernel.ts";
import type { Group } from "./structure.ts";

export interface State {
  readonly generation: number;
  readonly groups: readonly Group[];
}

/** Undefined if the records are new, if they were deleted, or if another version of podwire wrote the state. */
export function readState({ state }: FilterContext): State | undefined {
  const text = state.read();
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value["version"] !== RULES_VERSION) return undefined;
    const { generation, groups } = value;
    return typeof generation === "number" && Array.isArray(groups) ? { generation, groups } : undefined;
  } catch {
    return undefined;
  }
}

/** Written after the kernel's commit: a process that is killed between leaves an older generation, and nothing worse. */
export function writeState({ state }: FilterContext, { generation, groups }: State): void {
  state.write(`${JSON.stringify({ version: RULES_VERSION, generation, groups })}\n`);
}
