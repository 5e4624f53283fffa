import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOfFile } from "../../scripts/digest.ts";
import { oldest } from "../../scripts/release/trial.ts";
import { canRun, projectRoot } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";
import { expectHardened } from "./elf.ts";

const minutes = 60_000;

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

const canCross = process.arch === "x64" && canRun("aarch64-linux-gnu-gcc", "qemu-aarch64", "readelf");

describe.runIf(canCross)("an executable for arm64, made on x64", () => {
  const output = mkdtempSync(join(tmpdir(), "podwire-arm64-"));
  const build = (folder: string) => {
    const words = ["--import", "tsx", "scripts/build.ts", "--processor", "arm64", "--output", folder];
    return execa(process.execPath, words, { cwd: projectRoot, stdin: "ignore" });
  };
  beforeAll(() => build(output), 10 * minutes);
  afterAll(() => rmSync(output, { recursive: true }));

  /** Runs it by the emulator, with nothing in its environment but this. */
  const run = (name: string, words: readonly string[], variables: object = {}, input = "") => {
    const [command = "", ...before] = oldest.arm64.before;
    const env = { PATH: process.env["PATH"], ...variables };
    return execa(command, [...before, join(output, "bin", name), ...words], { env, extendEnv: false, input });
  };

  test("is one, with the same guards", () => expectHardened(join(output, "bin/podwire"), "AArch64"));

  test("has an image that was made there and is used there", async () => {
    const { stdout } = await run("bridge", [], { CNI_COMMAND: "VERSION" });
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0" });
  });

  test("keeps addresses, and finds faults in configurations", async () => {
    const ipam = { type: "host-local", subnet: "10.1.2.0/24", dataDir: join(scratch, "addresses") };
    const config = { cniVersion: "1.0.0", name: "arm", type: "host-local", ipam };
    const variables = {
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: "/proc/none",
      CNI_PATH: scratch,
    };
    const add = { CNI_COMMAND: "ADD", ...variables };
    const { stdout } = await run("host-local", [], add, JSON.stringify(config));
    expect(JSON.parse(stdout)).toMatchObject({ ips: [{ address: "10.1.2.2/24" }] });
    const list = {
      cniVersion: "1.0.0",
      name: "arm",
      plugins: [{ type: "bridge", ipam: { ...ipam, subnet: "10" } }],
    };
    const words = ["validate", "-"];
    const fault = await run("podwire", words, { CNI_PATH: join(output, "bin") }, JSON.stringify(list)).catch(
      (error: { stdout: string }) => error,
    );
    expect(fault.stdout).toMatch(/error: plugins\[0\]\.ipam\.subnet/);
  });

  test(
    "comes out the same from another build",
    async () => {
      await build(join(scratch, "again"));
      expect(digestOfFile(join(scratch, "again/bin/podwire"))).toBe(
        digestOfFile(join(output, "bin/podwire")),
      );
    },
    10 * minutes,
  );
});
