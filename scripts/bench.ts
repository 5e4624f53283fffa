/**
 * Measures our executables beside Debian's reference plugins, on nodes that are thrown away afterwards.
 *
 *   npm run bench -- [--pairs N] [--held N] [--only NAME]... [--write FILE]
 */
import { parseArgs } from "node:util";
import { execa } from "execa";
import { projectRoot } from "../test/helpers/index.ts";
import { cases } from "./bench/cases.ts";
import { type Extent, type Measured, measureCase } from "./bench/measure.ts";
import { report, writeReport } from "./bench/report.ts";

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "40" },
    held: { type: "string", default: "1000" },
    only: { type: "string", multiple: true },
    write: { type: "string" },
  },
});

// A Linux bridge has 1023 ports, and one is needed for the attachment that is measured.
const mostHeld = 1000;

function count(text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`${text} is not a number from ${least} to ${most}`);
}

function selectCases() {
  const wanted = values.only ?? cases.map(({ name }) => name);
  return wanted.map((name) => {
    const found = cases.find((one) => one.name === name);
    if (found === undefined)
      throw new Error(`no case ${name}; there are ${cases.map((one) => one.name).join(", ")}`);
    return found;
  });
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark makes network namespaces: run it as root");
  const extent: Extent = { pairs: count(values.pairs, 1, 10_000), held: count(values.held, 0, mostHeld) };
  const selected = selectCases();
  await execa("npm", ["run", "--silent", "build"], { cwd: projectRoot, stdio: ["ignore", 2, 2] });
  const measured: Measured[] = [];
  for (const subject of selected) {
    process.stderr.write(`measuring ${subject.name}: ${extent.pairs} pairs, ${extent.held} held\n`);
    measured.push(await measureCase(subject, extent));
  }
  const text = report(measured, extent);
  console.log(text);
  if (values.write !== undefined) writeReport(values.write, text);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
