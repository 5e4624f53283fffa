/** The libraries in the executable beside our own code. */
import { digestOfFile } from "../digest.ts";
import { changes } from "./changes.ts";
import { pins, release } from "./release.ts";
import { run } from "./run.ts";

export interface Linked {
  readonly name: string;
  readonly version: string;
  /** An SPDX licence expression. */
  readonly licence: string;
  /** Vendor and product in the Common Platform Enumeration, by which vulnerability databases name them. */
  readonly cpe: string;
  /** The library's files: name to SHA-256. */
  readonly files: Readonly<Record<string, string>>;
  /** The files that we change before compiling. */
  readonly changed?: readonly string[];
}

export const quickjs: Linked = {
  name: "quickjs",
  version: release.version,
  licence: "MIT",
  cpe: "quickjs_project:quickjs",
  files: pins,
  changed: [...new Set(changes.map(({ file }) => file))],
};

/** The C library of an archive. musl stores its version in an object of its own. */
export async function readMusl(library: string, archiver: string): Promise<Linked> {
  const object = await run(archiver, ["p", library, "version.lo"]);
  const version = /\d+\.\d+\.\d+[-.\w]*(?=\0)/.exec(object)?.[0];
  if (version === undefined) throw new Error(`${library} does not say which version of musl it is`);
  const files = { "libc.a": digestOfFile(library) };
  return { name: "musl", version, licence: "MIT", cpe: "musl-libc:musl", files };
}

/** The compiler's run-time functions, for what the processor has no instruction. */
export async function readLibgcc(compiler: string): Promise<Linked> {
  const version = (await run(compiler, ["-dumpfullversion"])).trim();
  const library = (await run(compiler, ["-print-libgcc-file-name"])).trim();
  const files = { "libgcc.a": digestOfFile(library) };
  return {
    name: "libgcc",
    version,
    licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
    cpe: "gnu:gcc",
    files,
  };
}
