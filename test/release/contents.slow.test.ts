import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOfFile } from "../../scripts/digest.ts";
import { pins } from "../../scripts/engine/release.ts";
import { thirdPartyLicences } from "../../scripts/release/licences.ts";
import { bundledPackages, linkedParts } from "../../scripts/release/parts.ts";
import { makeSbom, validateSbom } from "../../scripts/release/sbom.ts";
import { distBin, projectRoot } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";

const dist = join(distBin, "..");
const time = 1_700_000_000;

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe("the list of what an executable consists of", () => {
  const facts = { version: "1.2.3", commit: "c0ffee", time };
  const sbom = () => makeSbom(projectRoot, dist, facts);

  test("names the executable by its checksum, and the commit", () => {
    const { metadata } = JSON.parse(sbom());
    expect(metadata.component).toMatchObject({
      name: "podwire",
      version: "1.2.3",
      hashes: [{ alg: "SHA-256", content: digestOfFile(join(distBin, "bridge")) }],
      properties: [{ name: "podwire:commit", value: "c0ffee" }],
    });
  });

  test("names every package in the bundle, with version, licence and checksum", () => {
    const { components } = JSON.parse(sbom());
    const packages = bundledPackages(dist);
    expect(packages).toContain("jsonc-parser");
    for (const name of packages) {
      const [found] = components.filter(({ purl }: { purl: string }) => purl.startsWith(`pkg:npm/${name}@`));
      expect(found).toMatchObject({
        purl: `pkg:npm/${name}@${found.version}`,
        hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
        licenses: [{}],
      });
    }
    expect(components).toHaveLength(packages.length + linkedParts(dist).length);
  });

  test("names the engine with every file that is compiled, and which of them are changed before", () => {
    const { components } = JSON.parse(sbom());
    const [engine] = components.filter(({ name }: { name: string }) => name === "quickjs");
    expect(engine).toMatchObject({ licenses: [{ expression: "MIT" }] });
    type Part = { name: string; hashes: { content: string }[]; properties?: object[] };
    const parts: Part[] = engine.components;
    expect(Object.fromEntries(parts.map(({ name, hashes }) => [name, hashes[0]?.content]))).toEqual(pins);
    const changed = parts.filter(({ properties }) => properties !== undefined);
    expect(changed.map(({ name }) => name).sort()).toEqual(["quickjs.c", "quickjs.h"]);
  });

  test("names the C library and the compiler's functions, with the checksums of what is linked in", () => {
    const { components } = JSON.parse(sbom());
    const sum = [{ alg: "SHA-256", content: expect.stringMatching(/^[0-9a-f]{64}$/) }];
    for (const [name, file] of [
      ["musl", "libc.a"],
      ["libgcc", "libgcc.a"],
    ]) {
      const [found] = components.filter((one: { name: string }) => one.name === name);
      expect(found).toMatchObject({
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        cpe: expect.stringContaining(`:${found.version}:`),
        components: [{ name: file, hashes: sum }],
      });
    }
  });

  test("is a CycloneDX document by the published schema, and the same each time", async () => {
    await validateSbom(sbom());
    expect(sbom()).toBe(sbom());
    const broken = { ...JSON.parse(sbom()), components: [{ name: "no type" }] };
    await expect(validateSbom(JSON.stringify(broken))).rejects.toThrow(/not a CycloneDX document/);
  });
});

describe("the licences of others", () => {
  test("are of everything that the list names", async () => {
    const text = await thirdPartyLicences(projectRoot, dist);
    const packages = bundledPackages(dist);
    for (const name of [...packages, "quickjs", "musl", "libgcc"])
      expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(text).toContain("Fabrice Bellard");
    expect(text).toContain("Rich Felker");
    expect(text).toContain("Runtime Library Exception");
    // Of each package, of the engine and of the C library.
    expect(text.match(/Permission is hereby\s+granted/g)?.length).toBeGreaterThanOrEqual(packages.length + 2);
  });

  test("are missed when a package has none", async () => {
    mkdirSync(join(scratch, "node_modules/none"), { recursive: true });
    cpSync(join(projectRoot, "package-lock.json"), join(scratch, "package-lock.json"));
    writeFileSync(join(scratch, "podwire.linked.json"), "[]");
    writeFileSync(join(scratch, "podwire.meta.json"), '{"inputs": {"node_modules/none/index.js": {}}}');
    await expect(thirdPartyLicences(scratch, scratch)).rejects.toThrow(/none has no licence/);
  });

  test("are missed when a library is linked in of which none is known", async () => {
    const unknown = [{ name: "libunknown", version: "1", licence: "MIT", cpe: "a:b", files: {} }];
    writeFileSync(join(scratch, "podwire.linked.json"), JSON.stringify(unknown));
    writeFileSync(join(scratch, "podwire.meta.json"), '{"inputs": {}}');
    await expect(thirdPartyLicences(projectRoot, scratch)).rejects.toThrow(/licence of libunknown/);
  });
});
