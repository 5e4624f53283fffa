/**
 * The natives that are functions of their arguments alone, by Node.js itself: modules of the project that make no system call can
 * be tested there. test/native shows that those in C give the same.
 */
import { createHash } from "node:crypto";

const viewOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const natives: Pick<Native, "architecture" | "encode" | "decode" | "latin1" | "find" | "sha512"> = {
  architecture: process.arch === "arm64" ? "arm64" : "x64",
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder().decode(bytes),
  latin1: (bytes) => viewOf(bytes).toString("latin1"),
  find: (bytes, wanted, from) => viewOf(bytes).indexOf(viewOf(wanted), from),
  sha512: (bytes) => createHash("sha512").update(bytes).digest("hex"),
};

Object.assign(globalThis, { native: natives });
