/** A failure as `--json` prints it: the object that CNI plugins print (specification 1.1.0, section 5, "Error"). */
import { CniError } from "../shared/cni/error.ts";
import type { JsonObject } from "../shared/cni/fields.ts";
import type { Io } from "./command.ts";
import { PluginError } from "./network/invoke.ts";

/** Code 999 is what is no plugin's and none of the specification's. */
export function failureObject(thrown: unknown): JsonObject {
  const code = thrown instanceof CniError ? thrown.code : 999;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const details = thrown instanceof CniError && thrown.details !== "" ? { details: thrown.details } : {};
  const origin = thrown instanceof PluginError ? { plugin: thrown.plugin, command: thrown.command } : {};
  return { code, msg: message, ...details, ...origin };
}

/** Prints for programs. */
export const printObject = (io: Io, value: JsonObject): void =>
  io.out(`${JSON.stringify(value, undefined, 4)}\n`);
