import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { thirdPartyLicences } from "../../scripts/release/licences.ts";
import { bundledPackages, makeSbom, validateSbom } from "../../scripts/release/sbom.ts";
import { distBin, projectRoot } from "../helpers/index.ts";
import { useScratch } from "./scratch.ts";

const dist = join(distBin, "..");
const time = 1_700_000_000;

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe("the list of what an executable consists of", () => {
  const told = { version: "1.2.3", commit: "c0ffee", time };
  const sbom = () => makeSbom(projectRoot, dist, "@oven/bun-linux-x64", told);

  test("names the run time and every package in the bundles, with version and checksum", () => {
    const { components, metadata } = JSON.parse(sbom());
    const content = createHash("sha256")
      .update(readFileSync(join(distBin, "bridge")))
      .digest("hex");
    expect(metadata.component).toMatchObject({
      name: "podwire",
      version: "1.2.3",
      hashes: [{ alg: "SHA-256", content }],
      properties: [{ name: "podwire:commit", value: "c0ffee" }],
    });
    const packages = bundledPackages(dist);
    expect(packages).toContain("jsonc-parser");
    const named = components.map((one: { group?: string; name: string }) =>
      [one.group, one.name].filter(Boolean).join("/"),
    );
    expect(named.sort()).toEqual(["@oven/bun-linux-x64", "bun", ...packages].sort());
    for (const { name, version, purl, hashes, licenses } of components) {
      expect(purl).toMatch(new RegExp(`^pkg:npm/\\S+@${version.replaceAll(".", "\\.")}$`));
      // Bun is what the package of the platform holds: that one has the checksum.
      if (name !== "bun")
        expect(hashes).toEqual([{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
      expect(licenses).toHaveLength(1);
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
  test("are of the run time and of every package in the bundles", () => {
    const packages = bundledPackages(dist);
    const text = thirdPartyLicences(projectRoot, "@oven/bun-linux-x64", packages);
    expect(text).toMatch(/^Bun \d+\.\d+\.\d+, the run time/);
    expect(text).toContain("GNU Lesser General Public License");
    for (const name of packages) expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(text.match(/Permission is hereby granted/g)?.length).toBe(packages.length);
  });

  test("are missed when a package has none", () => {
    mkdirSync(join(scratch, "node_modules/none"), { recursive: true });
    cpSync(join(projectRoot, "package-lock.json"), join(scratch, "package-lock.json"));
    expect(() => thirdPartyLicences(scratch, "@oven/bun-linux-x64", ["none"])).toThrow(/none has no licence/);
  });
});
