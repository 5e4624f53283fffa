/** Errors of the CNI specification: code, message and details. The runner prints them as JSON. */
import { type FailureKind, KernelError } from "../system/kernel-error.ts";

/** Codes of the specification 1.1.0, section "Error", and two of libcni (8 and 999). */
export const ErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfiguration: 7,
  invalidNamespace: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableAndLimited: 51,
  internal: 999,
} as const;

/**
 * An error for a person. `message`: what failed, and on which object. `details`: the likely cause, and what to do.
 */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = "", cause?: unknown) {
    super(message, { cause });
    this.name = "CniError";
    this.code = code;
    this.details = details;
  }
}

/** True for a stack overflow: in JSON, values are nested too deeply. */
export const isStackOverflow = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message === "stack overflow";

/** A value as JSON for an error, cut: it may be megabytes long. */
export function quote(value: unknown): string {
  const text = valueText(value);
  return text.length <= 120 ? text : `${text.slice(0, 100)}... (${text.length} characters)`;
}

function valueText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (thrown) {
    if (isStackOverflow(thrown)) return "a value nested too deeply";
    throw thrown;
  }
}

/** The number of items in an error; more would hide the important ones. */
const MOST_NAMED = 10;

/** Joins the first texts, and adds the number of the others. */
export function enumerate(texts: readonly string[], separator: string): string {
  const named = texts.slice(0, MOST_NAMED).join(separator);
  return texts.length <= MOST_NAMED ? named : `${named}${separator}and ${texts.length - MOST_NAMED} more`;
}

const kernelCodes: Readonly<Record<FailureKind, number>> = {
  passing: ErrorCode.tryAgainLater,
  missing: ErrorCode.notAvailable,
  io: ErrorCode.io,
  refused: ErrorCode.internal,
};

/** An error of the kernel with its code and advice; any other value as it is. */
export function explain(thrown: unknown): unknown {
  if (!(thrown instanceof KernelError)) return thrown;
  return new CniError(kernelCodes[thrown.kind], thrown.message, thrown.advice, thrown);
}

/** The message of any thrown value, without advice. */
export const causeOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The message of any thrown value, with the advice. */
export function messageOf(value: unknown): string {
  const thrown = explain(value);
  if (thrown instanceof CniError && thrown.details !== "") return `${thrown.message} (${thrown.details})`;
  return causeOf(thrown);
}

/** Throws, where an expression is needed. */
export function raise(error: CniError): never {
  throw error;
}

/**
 * Runs all steps, even after a failure, then throws the first error with the others in its details. DEL and GC have to
 * clean up as much as possible (specification).
 */
export function runAll(steps: readonly (() => void)[]): void {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length === 0) return;
  const [first, ...others] = failures;
  if (others.length === 0) throw first;
  const known = explain(first);
  const code = known instanceof CniError ? known.code : ErrorCode.internal;
  throw new CniError(code, failures.map(messageOf).join("; "), "", first);
}
