/** What the kernel was given last: the groups in our tables, and the generation of the ruleset after that. */
import { CniError } from "../cni/error.ts";
import { isObject } from "../cni/fields.ts";
import { parseCidr } from "../ip/cidr.ts";
import { RULES_VERSION } from "../nftables/user-data.ts";
import type { FilterContext } from "./kernel.ts";
import type { Group } from "./structure.ts";

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number";
const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isNetwork = (value: unknown): boolean => isText(value) && parseCidr(value as string) !== undefined;
const areNetworks = (value: unknown): boolean => areTexts(value) && (value as string[]).every(isNetwork);

type Tests = Readonly<Record<string, (value: unknown) => boolean>>;

/** What the fields of each kind of group must be. */
const fields: Readonly<Record<Group["kind"], Tests>> = {
  masquerade: { family: isNumber, network: isText, unchanged: areNetworks },
  ports: {
    markBit: isNumber,
    conditions: (value) => isObject(value) && areTexts(value["4"]) && areTexts(value["6"]),
  },
  hairpin: { family: isNumber, network: isText, subnet: isNetwork, markBit: isNumber, clients: isText },
  spoof: {},
  firewall: { family: isNumber, network: isText },
  admin: { family: isNumber, chain: isText },
  ingress: { bridge: isText, policy: isText },
};

function isGroup(value: unknown): value is Group {
  if (!isObject(value)) return false;
  const tests = fields[value["kind"] as Group["kind"]] as Tests | undefined;
  return tests !== undefined && Object.entries(tests).every(([name, test]) => test(value[name]));
}

export interface State {
  readonly generation: number;
  readonly groups: readonly Group[];
}

/** Undefined if the records are new, if they were deleted, or if podwire or this version of it did not write the state. */
export function readState({ state }: FilterContext): State | undefined {
  const text = state.read();
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value["version"] !== RULES_VERSION) return undefined;
    const { generation, groups } = value;
    if (typeof generation !== "number" || !Array.isArray(groups) || !groups.every(isGroup)) return undefined;
    return { generation, groups };
  } catch {
    return undefined;
  }
}

/** Written after the kernel's commit: a process that is killed between leaves an older generation, and nothing worse. */
export function writeState({ state }: FilterContext, { generation, groups }: State): void {
  state.write(`${JSON.stringify({ version: RULES_VERSION, generation, groups })}\n`);
}

/** A context for removals: a full disk must not keep rules in the kernel. Without its state the next call projects all records. */
export function withOptionalState(context: FilterContext): FilterContext {
  const { read, write } = context.state;
  const writeIfPossible = (text: string) => {
    try {
      write(text);
    } catch (thrown) {
      if (!(thrown instanceof CniError)) throw thrown;
    }
  };
  return { ...context, state: { read, write: writeIfPossible } };
}
