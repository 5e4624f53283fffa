/**
 * Makes the archives of a release in dist/release, with SHA256SUMS and a list of what they consist of, and runs what
 * this machine can run.
 *
 *   npm run release -- [--write README.md]
 *
 * The same commit gives the same archives: their time is the commit's (or SOURCE_DATE_EPOCH).
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { layOut, pack, writeSums } from "./release/archive.ts";
import { type Released, report, writeReport } from "./release/report.ts";
import { fetchRuntime } from "./release/runtime.ts";
import { makeSbom, validateSbom } from "./release/sbom.ts";
import { type Target, targets } from "./release/targets.ts";
import { tryOut } from "./release/trial.ts";

const { values } = parseArgs({ options: { write: { type: "string" } } });

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const output = join(root, "dist/release");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Seconds since 1970. */
async function releaseTime(): Promise<number> {
  const given = process.env["SOURCE_DATE_EPOCH"];
  if (given !== undefined) return Number(given);
  return Number((await execa("git", ["log", "-1", "--format=%ct"], { cwd: root })).stdout);
}

async function build({ name, runtime }: Target): Promise<string> {
  const bun = await fetchRuntime(root, runtime, join(root, "dist/runtimes"));
  const built = join(root, "dist/targets", name);
  rmSync(built, { recursive: true, force: true });
  const args = ["--output", built, "--target", name, "--runtime", bun];
  await execa("node", ["--import", "tsx", "scripts/build.ts", ...args], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  return built;
}

async function release(target: Target, time: number): Promise<Released> {
  say(`${target.name}: building`);
  const built = await build(target);
  const name = `podwire-${version}-${target.name}`;
  const sbom = makeSbom(root, built, target.runtime, version, time);
  await validateSbom(sbom);
  writeFileSync(join(output, `${name}.cdx.json`), sbom);
  say(`${target.name}: trying it out`);
  const trial = await tryOut(target, join(built, "bin"), version);
  say(`${target.name}: packing`);
  const archive = `${name}.tar.gz`;
  const content = join(built, name);
  layOut(root, built, content);
  await pack(content, join(output, archive), time);
  return { ...trial, archive, archiveSize: statSync(join(output, archive)).size };
}

async function main(): Promise<void> {
  if (existsSync(output)) rmSync(output, { recursive: true });
  mkdirSync(output, { recursive: true });
  const time = await releaseTime();
  const released: Released[] = [];
  for (const target of targets) released.push(await release(target, time));
  const names = released.flatMap(({ archive }) => [archive, archive.replace(".tar.gz", ".cdx.json")]);
  writeSums(output, names);
  const table = report(released);
  console.log(table);
  if (values.write !== undefined) writeReport(values.write, table);
}

try {
  await main();
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
