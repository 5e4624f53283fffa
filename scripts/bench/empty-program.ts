/** The lower limit: a static C program with the executables' C library that does nothing. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Network } from "../../test/helpers/index.ts";
import { nativeToolchain } from "../engine/toolchain.ts";
import { network } from "./networks.ts";

const NAME = "empty";

export interface EmptyProgram extends AsyncDisposable {
  /** The folder with the program, installed like a plugin. */
  readonly folder: string;
}

export async function buildEmptyProgram(): Promise<EmptyProgram> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-empty-"));
  const source = join(folder, "empty.c");
  writeFileSync(source, "int main(void) { return 0; }\n");
  const { compiler } = await nativeToolchain();
  await execa(compiler, ["-O2", "-static", "-no-pie", "-s", "-o", join(folder, NAME), source]);
  return { folder, [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) };
}

/** A network with this many of them. */
export const emptyNetwork = (count: number): Network =>
  network(...Array.from({ length: count }, () => ({ type: NAME })));
