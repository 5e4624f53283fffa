import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The SHA-256 of content, in hexadecimal. */
export const digest = (content: Uint8Array | string): string =>
  createHash("sha256").update(content).digest("hex");

/** The SHA-256 of a file, in hexadecimal. */
export const digestOfFile = (file: string): string => digest(readFileSync(file));
