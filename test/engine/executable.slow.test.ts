import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { compileNative, type Objects } from "../../scripts/engine/compile.ts";
import { run } from "../../scripts/engine/run.ts";
import { nativeToolchain, type Toolchain } from "../../scripts/engine/toolchain.ts";
import { withWorkFolder } from "../../scripts/output.ts";
import { builtPlugin, canRun } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";
import { expectHardened, segmentsOf } from "./elf.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

const machine = process.arch === "x64" ? "X86-64" : "AArch64";
const executable = builtPlugin("podwire");

describe.runIf(canRun("readelf"))("the executable", () => {
  test("needs no loader and no library, and separates what is written from what is run", () =>
    expectHardened(executable, machine));

  test("does so once it runs: constants are read-only, and neither stack nor heap can be run", async () => {
    const child = execa(executable, ["install", "--stay", "--bin-dir", scratch], { reject: false });
    try {
      // It says what it has installed, and stays.
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const maps = readFileSync(`/proc/${child.pid}/maps`, "utf8").trimEnd().split("\n");
      const regions = maps.map((line) => {
        const [range = "", flags = "", , , , name = ""] = line.split(/ +/);
        const [begin = 0, end = 0] = range.split("-").map((number) => Number.parseInt(number, 16));
        return { begin, end, flags, name };
      });
      for (const { flags } of regions) expect(flags).not.toMatch(/wx/);
      expect(regions).toContainEqual(expect.objectContaining({ name: "[stack]", flags: "rw-p" }));
      const [relro] = (await segmentsOf(executable)).filter(({ type }) => type === "GNU_RELRO");
      const address = relro?.address ?? 0;
      const around = regions.find(({ begin, end }) => begin <= address && address < end);
      expect(around).toMatchObject({ flags: "r--p", end: address + (relro?.bytes ?? 0) });
    } finally {
      child.kill();
      await child;
    }
  });

  test("says nothing of its functions' names", async () => {
    const { stdout, stderr } = await execa("nm", [executable], { env: { LC_ALL: "C" } });
    expect(stdout + stderr).toContain("no symbols");
  });
});

/** Writes behind a buffer on the stack: by a loop, and by the functions that fortify.h has in their place. */
const overflow = `
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char small[8];

static void smash(size_t length) {
  volatile char buffer[8];
  for (volatile size_t at = 0; at < length; at++) buffer[at] = 'x';
}

int main(int count, char **words) {
  if (count != 3) return 2;
  size_t length = strlen(words[2]);
  if (strcmp(words[1], "stack") == 0) smash(length);
  if (strcmp(words[1], "memcpy") == 0) memcpy(small, words[2], length);
  if (strcmp(words[1], "memset") == 0) memset(small, 1, length);
  if (strcmp(words[1], "strcpy") == 0) strcpy(small, words[2]);
  if (strcmp(words[1], "snprintf") == 0) snprintf(small, length, "%s", words[2]);
  return 0;
}
`;

describe.runIf(canRun("musl-gcc", "nm"))("the compiler's guards", () => {
  let toolchain: Toolchain;
  beforeAll(async () => {
    toolchain = await nativeToolchain();
  });

  const withObjects = <Value>(work: (objects: Objects) => Promise<Value>): Promise<Value> =>
    withWorkFolder(scratch, async (folder) => {
      const native = join(folder, "native");
      mkdirSync(native);
      return work(await compileNative(toolchain, native));
    });

  test("are in the engine and in our own code", () =>
    withObjects(async ({ folder }) => {
      const users = (symbol: string, file: string) =>
        run("nm", ["--undefined-only", file], { cwd: folder }).then(
          (text) => text.split("\n").filter((line) => line.endsWith(` U ${symbol}`)).length,
        );
      for (const file of ["engine.a", "objects/system-calls.o", "objects/spawn.o"])
        expect(await users("__stack_chk_fail", file), file).toBeGreaterThan(0);
      for (const symbol of ["__snprintf_chk", "__vsnprintf_chk"])
        expect(await users(symbol, "engine.a"), symbol).toBeGreaterThan(0);
    }));

  test("end a program that writes behind its buffers", () =>
    withObjects(async ({ folder, link }) => {
      writeFileSync(join(folder, "native/overflow.c"), overflow);
      const flags = [...toolchain.flags, "-isystem", "engine", "-I", "native"];
      const words = [...flags, "-c", "-o", "objects/overflow.o", "native/overflow.c"];
      await run(toolchain.compiler, words, { cwd: folder });
      const program = join(folder, "overflow");
      await link(["overflow.c"], program);
      for (const way of ["stack", "memcpy", "memset", "strcpy", "snprintf"]) {
        expect((await execa(program, [way, "short"])).exitCode, way).toBe(0);
        const { signal } = await execa(program, [way, "x".repeat(100)], { reject: false });
        // musl ends a program with a smashed stack by an instruction that is not allowed.
        expect(signal, way).toBe(way === "stack" ? "SIGSEGV" : "SIGABRT");
      }
    }));
});
