/** A failure for programs, in the words of the specification's error object. */
import { CniError, ErrorCode } from "../shared/cni/error.ts";
import type { JsonObject } from "../shared/cni/fields.ts";
import { UsageError } from "./command.ts";

/** 4 is the specification's code for what a call was given; 999 is that of the plugins for all without one. */
function codeOf(thrown: unknown): number {
  if (thrown instanceof CniError) return thrown.code;
  return thrown instanceof UsageError ? ErrorCode.invalidEnvironment : ErrorCode.internal;
}

export function failureObject(thrown: unknown): JsonObject {
  const details = thrown instanceof CniError && thrown.details !== "" ? { details: thrown.details } : {};
  return { code: codeOf(thrown), msg: thrown instanceof Error ? thrown.message : String(thrown), ...details };
}

export const printedObject = (value: JsonObject): string => `${JSON.stringify(value, undefined, 4)}\n`;
