/** Errors as the CNI specification has them: a code, a message and details, printed as JSON by the runner. */

/** Codes of the specification 1.1.0, section "Error", and the two that libcni adds (8 and 999). */
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
 * An error that a person can act on: `message` says what failed and on which object, `details` the likely
 * cause and what to do.
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

/** Whether something thrown says that the stack is full: for JSON, that values are nested too deeply. */
export const isStackOverflow = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message === "stack overflow";

/** A value in an error, as JSON. Cut: what is wrong may be a megabyte long. */
export function quote(value: unknown): string {
  const text = valueText(value);
  return text.length <= 120 ? text : `${text.slice(0, 100)}... (${text.length} characters)`;
}

function valueText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (thrown) {
    if (isStackOverflow(thrown)) return "a value that is nested too deeply";
    throw thrown;
  }
}

/** An error is read by people: of a thousand things they need the first ones. */
const MOST_NAMED = 10;

/** The first of the texts, joined, and how many more there are. */
export function enumerate(texts: readonly string[], separator: string): string {
  const named = texts.slice(0, MOST_NAMED).join(separator);
  return texts.length <= MOST_NAMED ? named : `${named}${separator}and ${texts.length - MOST_NAMED} more`;
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof CniError && thrown.details !== "") return `${thrown.message} (${thrown.details})`;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * Runs every step even when earlier ones fail, then throws the first failure with the others in its details:
 * what DEL and GC owe (specification: "generally complete without error", and clean up as far as possible).
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
  const code = first instanceof CniError ? first.code : ErrorCode.internal;
  throw new CniError(code, failures.map(messageOf).join("; "), "", first);
}
