import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { oldest, tryOut } from "../../scripts/release/trial.ts";
import { canRun, distBin, projectRoot } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  version: string;
};

describe.runIf(process.arch === "x64" && canRun("qemu-x86_64", "gcc"))("trying an executable out", () => {
  const target = { name: "linux-x64", processor: "x64" } as const;

  test("runs it here, and as a processor of 2003", async () => {
    const { how, size, start } = await tryOut(target, distBin, version);
    expect(how).toBe("run; as an Opteron of 2003 by qemu");
    expect(size).toBeGreaterThan(1_000_000);
    expect(start).toBeGreaterThan(0);
  });

  test("refuses another version", async () => {
    await expect(tryOut(target, distBin, "9.9.9")).rejects.toThrow(/bridge says: .*bridge \d/);
  });

  test("would find an instruction that the processor of 2003 does not have", async () => {
    const [source, program] = [join(scratch, "newer.c"), join(scratch, "newer")];
    // SSSE3, of 2006.
    writeFileSync(source, 'int main(void) { __asm__ volatile("pshufb %xmm0, %xmm1"); return 0; }\n');
    await execa("gcc", ["-static", "-o", program, source]);
    expect((await execa(program)).exitCode).toBe(0);
    const [command = "", ...words] = oldest.x64.before;
    const { failed, stderr } = await execa(command, [...words, program], { reject: false });
    expect({ failed, stderr }).toEqual({ failed: true, stderr: expect.stringContaining("signal 4") });
  });
});
