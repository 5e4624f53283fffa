/** What readelf(1) says of an executable. */
import { execa } from "execa";
import { expect } from "vitest";

export interface Segment {
  readonly type: string;
  /** Of R, W and E. */
  readonly flags: string;
  readonly address: number;
  readonly bytes: number;
  readonly alignment: number;
}

export async function segmentsOf(file: string): Promise<Segment[]> {
  const { stdout } = await execa("readelf", ["--segments", "--wide", file], { env: { LC_ALL: "C" } });
  const rows = stdout.matchAll(/^ +([A-Z_]+) +0x\w+ +0x(\w+) +0x\w+ +0x\w+ +0x(\w+) +([RWE ]+?) +0x(\w+)$/gm);
  return [...rows].map(([, type = "", address = "", bytes = "", flags = "", alignment = ""]) => ({
    type,
    flags: flags.replaceAll(" ", ""),
    address: Number.parseInt(address, 16),
    bytes: Number.parseInt(bytes, 16),
    alignment: Number.parseInt(alignment, 16),
  }));
}

/**
 * Expects what every executable of the project promises: it is static, it is not position-independent (native/image.h says why), no
 * part of its memory is writable and executable, and what is only read has a segment that says so.
 */
export async function expectHardened(file: string, machine: string): Promise<void> {
  const { stdout } = await execa("readelf", ["--file-header", "--dynamic", "--wide", file], {
    env: { LC_ALL: "C" },
  });
  expect(stdout).toMatch(/Type: +EXEC /);
  expect(stdout).toMatch(new RegExp(`Machine: +.*${machine}`));
  expect(stdout).toContain("There is no dynamic section in this file.");
  const segments = await segmentsOf(file);
  const types = segments.map(({ type }) => type);
  expect(types.filter((type) => type === "LOAD").length).toBeGreaterThan(3);
  for (const forbidden of ["INTERP", "DYNAMIC"]) expect(types).not.toContain(forbidden);
  for (const { type, flags } of segments) expect(`${type} ${flags}`).not.toMatch(/W.*E|E.*W/);
  expect(segments).toContainEqual(expect.objectContaining({ type: "GNU_STACK", flags: "RW" }));
  const [relro] = segments.filter(({ type }) => type === "GNU_RELRO");
  expect(relro).toMatchObject({ flags: "R" });
  expect(relro?.bytes).toBeGreaterThan(0);
  // The heap, where native/image.h has it: every processor's page size divides its alignment.
  expect(segments).toContainEqual(
    expect.objectContaining({ type: "LOAD", flags: "RW", address: 0x10000000, alignment: 65536 }),
  );
}
