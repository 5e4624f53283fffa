import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The SHA-256 of a file, in hexadecimal. */
export const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
