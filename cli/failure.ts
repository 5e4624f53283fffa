/** A failure as `--json` prints it: the error object of CNI plugins (specification 1.1.0, section 5, "Error"). */
import { CniError, ErrorCode, explain } from "../shared/cni/error.ts";
import type { JsonObject } from "../shared/cni/fields.ts";
import { type Io, UsageError } from "./command.ts";
import { PluginError } from "./network/invoke.ts";

/** The specification's code 4 stands for invalid parameters; plugins use 999 for errors without a code of their own. */
function codeOf(thrown: unknown): number {
  if (thrown instanceof CniError) return thrown.code;
  return thrown instanceof UsageError ? ErrorCode.invalidEnvironment : ErrorCode.internal;
}

export function failureObject(value: unknown): JsonObject {
  const thrown = explain(value);
  const msg = thrown instanceof Error ? thrown.message : String(thrown);
  const details = thrown instanceof CniError && thrown.details !== "" ? { details: thrown.details } : {};
  const origin = thrown instanceof PluginError ? { plugin: thrown.plugin, command: thrown.command } : {};
  return { code: codeOf(thrown), msg, ...details, ...origin };
}

/** Prints an object as JSON. */
export const printObject = (io: Io, value: JsonObject): void =>
  io.out(`${JSON.stringify(value, undefined, 4)}\n`);
