/**
 * Makes the archives of a release in dist/release, with SHA256SUMS and an SBOM each. Each executable runs before: on
 * this processor, and in an emulator for the other processor and for the oldest of each kind.
 *
 *   npm run release -- [--write docs/install.md] [--allow-dirty]
 *
 * The same commit gives the same archives: their time is the commit's (or SOURCE_DATE_EPOCH). Files that differ from
 * the commit are refused; --allow-dirty marks the archives as dirty. dist/release appears when it is complete.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { writeBetweenMarks } from "./markdown.ts";
import { layOut, pack, writeSums } from "./release/archive.ts";
import { fillFolder } from "./release/complete-folder.ts";
import { thirdPartyLicences } from "./release/licences.ts";
import { type Released, report } from "./release/report.ts";
import { makeSbom, validateSbom } from "./release/sbom.ts";
import { labelOf, readSource, requireSame, type Source } from "./release/source.ts";
import { type Target, targets } from "./release/targets.ts";
import { tryOut } from "./release/trial.ts";

const { values } = parseArgs({ options: { write: { type: "string" }, "allow-dirty": { type: "boolean" } } });

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const output = join(root, "dist/release");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const say = (text: string) => process.stderr.write(`${text}\n`);

async function build({ name, processor }: Target): Promise<string> {
  const built = join(root, "dist/targets", name);
  rmSync(built, { recursive: true, force: true });
  const args = ["--import", "tsx", "scripts/build.ts", "--output", built, "--processor", processor];
  await execa("node", args, { cwd: root, stdio: ["ignore", 2, 2] });
  return built;
}

/** `label` is the version in the archive's name. */
async function release(target: Target, source: Source, label: string, folder: string): Promise<Released> {
  say(`${target.name}: building`);
  const built = await build(target);
  const name = `podwire-${label}-${target.name}`;
  const sbom = makeSbom(root, built, { ...source, version: label });
  await validateSbom(sbom);
  writeFileSync(join(folder, `${name}.cdx.json`), sbom);
  say(`${target.name}: trying it out`);
  const trial = await tryOut(target, join(built, "bin"), version);
  say(`${target.name}: packing`);
  const archive = `${name}.tar.gz`;
  const content = join(built, name);
  layOut(root, built, content, await thirdPartyLicences(root, built));
  await pack(content, join(folder, archive), source.time);
  return { ...trial, archive, archiveSize: statSync(join(folder, archive)).size };
}

async function main(): Promise<void> {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  const source = await readSource(root, epoch);
  const label = labelOf(version, source, values["allow-dirty"] ?? false);
  const released: Released[] = [];
  await fillFolder(output, async (folder) => {
    for (const target of targets) released.push(await release(target, source, label, folder));
    const names = released.flatMap(({ archive }) => [archive, archive.replace(".tar.gz", ".cdx.json")]);
    requireSame(source, await readSource(root, epoch));
    writeSums(folder, names);
  });
  const table = report(released);
  console.log(table);
  if (values.write !== undefined) writeBetweenMarks(values.write, "release", table);
}

try {
  await main();
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
