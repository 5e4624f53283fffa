/**
 * Measures our executables beside Debian's reference plugins, on nodes that are thrown away afterwards: what the
 * calls cost, and what the packets cost that pass what the calls have set up.
 *
 *   npm run bench -- [--only CASE]... [--packets] [--pairs N] [--held N] [--held-reference N]
 *                    [--rounds N] [--seconds S] [--settle S] [--write FILE]
 *
 * With neither --only nor --packets it measures everything but overlays:
 *
 *   npm run bench -- vxlan [--rounds N] [--seconds S]
 */
import { parseArgs } from "node:util";
import { execa } from "execa";
import { projectRoot } from "../test/helpers/index.ts";
import { type Case, cases } from "./bench/cases.ts";
import type { Extent } from "./bench/extent.ts";
import { type Measured, measureCase } from "./bench/measure.ts";
import { type MeasuredPackets, measurePackets } from "./bench/packets/measure.ts";
import { packetSubjects } from "./bench/packets/subjects.ts";
import { report, writeReport } from "./bench/report.ts";
import { reportVxlan } from "./bench/vxlan/report.ts";
import { measureScale } from "./bench/vxlan/scale.ts";
import { measureTraffic } from "./bench/vxlan/traffic.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: "string", default: "40" },
    held: { type: "string", default: "1000" },
    "held-reference": { type: "string" },
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "2" },
    settle: { type: "string", default: "60" },
    only: { type: "string", multiple: true },
    packets: { type: "boolean", default: false },
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

function readExtent(): Extent {
  const held = count(values.held, 0, mostHeld);
  return {
    pairs: count(values.pairs, 1, 10_000),
    held,
    heldReference: Math.min(held, count(values["held-reference"] ?? values.held, 0, mostHeld)),
    rounds: count(values.rounds, 1, 1000),
    seconds: count(values.seconds, 1, 60),
    settle: count(values.settle, 0, 600),
  };
}

function selectCases(): readonly Case[] {
  if (values.only === undefined) return values.packets ? [] : cases;
  return values.only.map((name) => {
    const found = cases.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new Error(`no case ${name}; there are ${cases.map((one) => one.name).join(", ")}`);
  });
}

const say = (text: string) => process.stderr.write(`${text}\n`);

async function measureCalls(extent: Extent): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const subject of selectCases()) {
    say(`measuring ${subject.name}: ${extent.pairs} pairs, ${extent.held} held`);
    measured.push(await measureCase(subject, extent));
  }
  return measured;
}

async function measureAllPackets(extent: Extent): Promise<MeasuredPackets[]> {
  const measured: MeasuredPackets[] = [];
  if (values.only !== undefined && !values.packets) return measured;
  if (Math.min(extent.held, extent.heldReference) < 1) {
    say("packets are not measured: they need attachments (--held, --held-reference)");
    return measured;
  }
  for (const subject of packetSubjects) {
    say(`measuring packets, ${subject.name}: ${extent.rounds} rounds of ${extent.seconds} s`);
    measured.push(await measurePackets(subject, extent));
  }
  return measured;
}

/** Overlays have a benchmark of their own: the reference plugins have none. */
async function measureOverlays({ rounds, seconds }: Extent): Promise<void> {
  say(`measuring vxlan: ${rounds} rounds of ADDs, and of ${seconds} s of traffic`);
  console.log(reportVxlan(await measureScale(rounds), await measureTraffic(seconds)));
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark makes network namespaces: run it as root");
  const extent = readExtent();
  const [subject] = positionals;
  if (subject === "vxlan") return measureOverlays(extent);
  if (subject !== undefined) throw new Error(`no benchmark ${subject}; there is vxlan`);
  selectCases();
  await execa("npm", ["run", "--silent", "build"], { cwd: projectRoot, stdio: ["ignore", 2, 2] });
  const text = report(await measureCalls(extent), await measureAllPackets(extent), extent);
  console.log(text);
  if (values.write !== undefined) writeReport(values.write, text);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
