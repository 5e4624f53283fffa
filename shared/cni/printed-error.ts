/** Parses an error that a plugin printed on standard output (specification, "Error"). */
import { Fields, isObject } from "./fields.ts";

export interface PrintedError {
  readonly code: number;
  readonly message: string;
  /** Empty if it has none. */
  readonly details: string;
}

/** Reads the output of a failed plugin; undefined if it is not an error object. */
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
