/** Whether a record could become rules of iptables, and whose fault it is if not. */
import { CniError, ErrorCode, quote } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import type { FilterContext } from "../kernel.ts";
import type { FilterRecord } from "../record.ts";
import { families, isOurs, purposeOf } from "./check.ts";
import { projectionInput } from "./input.ts";
import { hostPorts, RestoreRefused, requireRestore, runRestore, runSave, type Tool } from "./restore.ts";
import { ownChains } from "./rules.ts";
import { readSaved } from "./saved.ts";

/** iptables-restore takes seconds for so many. It must end before it is stopped (restore.ts), on a slower machine too. */
const MOST_MAPPINGS = 10_000;

function refuseTooMany({ hostPorts: ports }: FilterRecord, family: Family): void {
  const count = ports?.mappings.filter((mapping) => mapping.family === family).length ?? 0;
  if (count <= MOST_MAPPINGS) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `${count} host ports are asked for (IPv${family}), and iptables takes ${MOST_MAPPINGS} a container at most`,
    'set "backend" to "nftables", which has no limit, or ask for fewer ports',
  );
}

function refuseMissingChain(tool: Tool, family: Family, chain: string): void {
  if (runSave(tool, "nat", hostPorts).chains.has(chain)) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `"externalSetMarkChain" is ${chain}, and the nat table lacks it (IPv${family})`,
    "the program that marks packets, such as kube-proxy, must make it first; or remove the key",
  );
}

/** The conditions are the one part of the rules that podwire does not make: what the tool refuses is most likely theirs. */
export function blameConditions(thrown: unknown, records: readonly FilterRecord[], family: Family): unknown {
  const words = records.flatMap((record) => record.hostPorts?.conditions[family] ?? []);
  if (!(thrown instanceof RestoreRefused) || words.length === 0) return thrown;
  return new CniError(
    ErrorCode.invalidConfiguration,
    `"conditionsV${family}" makes no rule: ${quote(words.join(" "))}; ${thrown.message}`,
    `give matches as iptables takes them, and nothing else; ${thrown.details}`,
    thrown,
  );
}

export function prepare(context: FilterContext, record: FilterRecord): void {
  if (!isOurs(record) || (record.masquerade ?? record.hostPorts ?? record.firewall) === undefined) return;
  const purpose = purposeOf(record);
  const used = families.filter((family) => ownChains(record, family).length > 0);
  for (const family of used.length === 0 ? [4 as const] : used) {
    refuseTooMany(record, family);
    const tool = requireRestore(family, context.environment, purpose);
    const { externalSetMarkChain: chain, conditions } = record.hostPorts ?? {};
    if (used.length === 0) continue;
    if (chain !== undefined) refuseMissingChain(tool, family, chain);
    if (conditions === undefined || conditions[family].length === 0) continue;
    try {
      // A record with conditions that make no rule would keep every projection from being made.
      const empty = readSaved("");
      runRestore(
        tool,
        projectionInput(family, [record], { nat: empty, raw: empty, mangle: empty, filter: empty }),
        purpose,
        "test",
      );
    } catch (thrown) {
      throw blameConditions(thrown, [record], family);
    }
  }
}
