import { createHash } from "node:crypto";
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { layOut, pack, writeSums } from "../../scripts/release/archive.ts";
import { report, writeReport } from "../../scripts/release/report.ts";
import { readLock, verify } from "../../scripts/release/runtime.ts";
import { bundledPackages, makeSbom, validateSbom } from "../../scripts/release/sbom.ts";
import { targets } from "../../scripts/release/targets.ts";
import { distBin, projectRoot } from "../helpers/index.ts";

const dist = join(distBin, "..");
const time = 1_700_000_000;

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "podwire-release-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** The content of an archive as a build would leave it, with a small program for the executables. */
function makeContent(place: string): string {
  const built = join(place, "built");
  mkdirSync(join(built, "bin"), { recursive: true });
  cpSync("/bin/true", join(built, "bin/bridge"));
  for (const name of ["ptp", "host-local"]) linkSync(join(built, "bin/bridge"), join(built, "bin", name));
  cpSync(join(dist, "schemas"), join(built, "schemas"), { recursive: true });
  const content = join(place, "podwire-1.2.3-test");
  layOut(projectRoot, built, content);
  return content;
}

async function makeArchive(name: string): Promise<string> {
  const place = join(scratch, name);
  const content = makeContent(place);
  const now = Math.random() * 1e9;
  utimesSync(join(content, "LICENSE"), now, now);
  const file = join(place, "archive.tar.gz");
  await pack(content, file, time);
  return file;
}

describe("an archive", () => {
  test("comes out the same from the same files, whenever and wherever it is made", async () => {
    const [one, other] = [await makeArchive("one"), await makeArchive("other")];
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
  });

  test("is sorted, of root and of one time, and says nothing of the machine", async () => {
    const { stdout } = await execa("tar", ["-tvzf", await makeArchive("one"), "--full-time", "--utc"]);
    const lines = stdout.split("\n");
    for (const line of lines) expect(line).toMatch(/^\S+ 0\/0 .* 2023-11-14 22:13:20 podwire-1\.2\.3-test\//);
    const paths = lines.map((line) => line.split(" 22:13:20 ")[1]?.replace(/ link to .*/, ""));
    expect(paths).toEqual([...paths].sort());
    expect(paths).toEqual(
      expect.arrayContaining(
        ["LICENSE", "README.md", "conf-examples/single-node.conflist"].map(
          (path) => `podwire-1.2.3-test/${path}`,
        ),
      ),
    );
  });

  test("unpacks to hard links of one file, that can be run", async () => {
    await execa("tar", ["-xzf", await makeArchive("one"), "-C", scratch]);
    const bin = join(scratch, "podwire-1.2.3-test/bin");
    const files = ["bridge", "host-local", "ptp"].map((name) => statSync(join(bin, name)));
    expect(new Set(files.map(({ ino }) => ino)).size).toBe(1);
    expect((await execa(join(bin, "host-local"))).exitCode).toBe(0);
  });

  test("has a sum that sha256sum finds right, until a byte is changed", async () => {
    writeFileSync(join(scratch, "a.tar.gz"), "a");
    writeFileSync(join(scratch, "b.cdx.json"), "b");
    writeSums(scratch, ["b.cdx.json", "a.tar.gz"]);
    const check = () => execa("sha256sum", ["-c", "SHA256SUMS"], { cwd: scratch, reject: false });
    expect(await check()).toMatchObject({ exitCode: 0, stdout: "a.tar.gz: OK\nb.cdx.json: OK" });
    writeFileSync(join(scratch, "a.tar.gz"), "A");
    expect((await check()).exitCode).not.toBe(0);
  });
});

describe("the list of what an executable consists of", () => {
  const sbom = () => makeSbom(projectRoot, dist, "@oven/bun-linux-x64", "1.2.3", time);

  test("names the run time and every package in the bundles, with version and checksum", () => {
    const { components, metadata } = JSON.parse(sbom());
    expect(metadata.component).toMatchObject({ name: "podwire", version: "1.2.3" });
    const packages = bundledPackages(dist);
    expect(packages).toContain("jsonc-parser");
    const named = components.map((one: { group?: string; name: string }) =>
      [one.group, one.name].filter(Boolean).join("/"),
    );
    expect(named.sort()).toEqual(["@oven/bun-linux-x64", ...packages].sort());
    for (const { version, purl, hashes, licenses } of components) {
      expect(purl).toMatch(new RegExp(`^pkg:npm/\\S+@${version.replaceAll(".", "\\.")}$`));
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

describe("a run time", () => {
  test.each(targets)(
    "for $name is in the lock file, with a checksum, at the version that builds here",
    ({ runtime }) => {
      const locked = readLock(projectRoot, runtime);
      expect(locked.integrity).toMatch(/^sha512-/);
      expect(locked.version).toBe(readLock(projectRoot, "@oven/bun-linux-x64").version);
    },
  );

  test("that is not what the lock file says is refused", () => {
    const file = join(scratch, "bun.tgz");
    writeFileSync(file, "content");
    const integrity = `sha512-${createHash("sha512").update("content").digest("base64")}`;
    expect(() => verify(file, { version: "1.0.0", integrity })).not.toThrow();
    writeFileSync(file, "Content");
    expect(() => verify(file, { version: "1.0.0", integrity })).toThrow(/not what package-lock.json says/);
  });
});

describe("the table of a release", () => {
  const [target = { name: "", runtime: "" }] = targets;
  const table = report([
    { target, archive: "a.tar.gz", archiveSize: 52_700_000, size: 112_800_000, how: "run", start: 5.04 },
    { target, archive: "b.tar.gz", archiveSize: 1, size: 1, how: undefined, start: undefined },
  ]);

  test("says size and start, and what was not run", () => {
    expect(table).toMatch(/`a\.tar\.gz` +\| 52\.7 MB +\| 112\.8 MB +\| 5\.0 ms +\| run /);
    expect(table).toMatch(/`b\.tar\.gz`.*\| not run/);
  });

  test("takes the place of the one before, and nothing else changes", () => {
    const file = join(scratch, "README.md");
    writeFileSync(file, "before\n<!-- release -->\nold\n<!-- /release -->\nafter\n");
    writeReport(file, table);
    expect(readFileSync(file, "utf8")).toBe(`before\n<!-- release -->\n${table}\n<!-- /release -->\nafter\n`);
    writeFileSync(file, "no marks\n");
    expect(() => writeReport(file, table)).toThrow(/no marks/);
  });
});
