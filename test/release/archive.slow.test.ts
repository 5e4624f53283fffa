import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { layOut, pack, writeSums } from "../../scripts/release/archive.ts";
import { distBin, projectRoot } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";

const dist = join(distBin, "..");
const time = 1_700_000_000;

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

/** The content of an archive as a build would leave it, with a small program for the executables. */
function makeContent(place: string): string {
  const built = join(place, "built");
  mkdirSync(join(built, "bin"), { recursive: true });
  cpSync("/bin/true", join(built, "bin/bridge"));
  for (const name of ["ptp", "host-local"]) linkSync(join(built, "bin/bridge"), join(built, "bin", name));
  cpSync(join(dist, "schemas"), join(built, "schemas"), { recursive: true });
  const content = join(place, "podwire-1.2.3-test");
  layOut(projectRoot, built, content, "the licences of others\n");
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
        ["LICENSE", "THIRD-PARTY-LICENSES", "README.md", "conf-examples/single-node.conflist"].map(
          (path) => `podwire-1.2.3-test/${path}`,
        ),
      ),
    );
  });

  test("takes nothing from the environment that tar and gzip would take", async () => {
    const plain = readFileSync(await makeArchive("one"));
    const taste = { TAR_OPTIONS: "--owner=daemon --format=pax", GZIP: "-1", LC_ALL: "en_US.UTF-8" };
    for (const [name, value] of Object.entries(taste)) vi.stubEnv(name, value);
    try {
      expect(readFileSync(await makeArchive("other")).equals(plain)).toBe(true);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("holds every file that its README and its docs lead to", async () => {
    await execa("tar", ["-xzf", await makeArchive("one"), "-C", scratch]);
    const folder = join(scratch, "podwire-1.2.3-test");
    const pages = ["README.md", ...readdirSync(join(folder, "docs")).map((name) => `docs/${name}`)];
    const targets = pages.flatMap((page) =>
      [...readFileSync(join(folder, page), "utf8").matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(
        ([, target = ""]) => join(dirname(page), target),
      ),
    );
    expect(targets).toContain("plugins/vxlan/README.md");
    expect(targets).toContain("docs/podman.md");
    expect(targets.filter((target) => !existsSync(join(folder, target)))).toEqual([]);
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
