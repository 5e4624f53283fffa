/** An error as a plugin prints it on standard output (specification, "Error"). */
import { Fields, isObject } from "./fields.ts";

export interface PrintedError {
  readonly code: number;
  readonly message: string;
  /** Empty if there are none. */
  readonly details: string;
}

/** Reads what a plugin that failed has printed; undefined if it is no error. */
export function parsePrintedError(output: string): PrintedError | undefined {
  try {
    const value: unknown = JSON.parse(output);
    if (!isObject(value)) return undefined;
    const fields = new Fields(value);
    const code = fields.integer("code") ?? 0;
    const message = fields.text("msg") ?? "";
    return code === 0 && message === ""
      ? undefined
      : { code, message, details: fields.text("details") ?? "" };
  } catch {
    return undefined;
  }
}
