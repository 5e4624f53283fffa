/**
 * Compares our executables with the reference plugins on throw-away nodes: the cost of their calls, and of packets
 * that pass the rules and links they made.
 *
 *   npm run bench -- [--only CASE]... [--packets] [--reference FOLDER] [--pairs N] [--held N] [--held-reference N]
 *                    [--rounds N] [--seconds S] [--settle S] [--write FILE]...
 *
 * With neither --only nor --packets it measures everything but overlays, and but the cases with nftables, which the reference of
 * Debian does not have. The case `start` is VERSION. --write puts the report between the marks `bench` of a file, and the five figures of the
 * README between the marks `figures`. Overlays have a benchmark of their own, with the marks `vxlan`:
 *
 *   npm run bench -- vxlan [--rounds N] [--seconds S] [--write FILE]
 *
 * and so have lists that may be long (peers, ports, valid attachments, reservations, routes, ranges), with which costs must not
 * grow faster than the lists (marks `loops`):
 *
 *   npm run bench -- loops [--rounds N] [--write FILE]
 *
 * What passes the limits of bandwidth, in both directions, is measured by itself, too (marks `shaping`):
 *
 *   npm run bench -- shaping [--rounds N] [--seconds S] [--write FILE]
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { referenceBin } from "../test/helpers/index.ts";
import { type Case, cases } from "./bench/cases.ts";
import type { Extent } from "./bench/extent.ts";
import { figuresOf } from "./bench/figures.ts";
import { measureLoop } from "./bench/loops/measure.ts";
import { reportLoops } from "./bench/loops/report.ts";
import { loopSubjects } from "./bench/loops/subjects.ts";
import { type Measured, measureCase } from "./bench/measure.ts";
import { type MeasuredPackets, measurePackets } from "./bench/packets/measure.ts";
import { packetSubjects } from "./bench/packets/subjects.ts";
import { report } from "./bench/report.ts";
import { measureShaping } from "./bench/shaping/measure.ts";
import { reportShaping } from "./bench/shaping/report.ts";
import { type MeasuredStart, measureStart } from "./bench/start/measure.ts";
import { reportVxlan } from "./bench/vxlan/report.ts";
import { measureScale } from "./bench/vxlan/scale.ts";
import { measureTraffic } from "./bench/vxlan/traffic.ts";
import { hasMarks, writeBetweenMarks } from "./markdown.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    reference: { type: "string", default: referenceBin },
    pairs: { type: "string", default: "40" },
    held: { type: "string", default: "1000" },
    "held-reference": { type: "string" },
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "2" },
    settle: { type: "string", default: "60" },
    only: { type: "string", multiple: true },
    packets: { type: "boolean", default: false },
    write: { type: "string", multiple: true },
  },
});

// A Linux bridge has at most 1023 ports, and the measured attachment needs one.
const mostHeld = 1000;

function count(text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`${text} is not a number from ${least} to ${most}`);
}

function readReference(): string {
  const folder = resolve(values.reference);
  if (existsSync(join(folder, "bridge"))) return folder;
  throw new Error(`${folder} has no plugin called bridge to measure beside`);
}

function readExtent(): Extent {
  const held = count(values.held, 0, mostHeld);
  return {
    reference: readReference(),
    pairs: count(values.pairs, 1, 10_000),
    held,
    heldReference: Math.min(held, count(values["held-reference"] ?? values.held, 0, mostHeld)),
    rounds: count(values.rounds, 1, 1000),
    seconds: count(values.seconds, 1, 60),
    settle: count(values.settle, 0, 600),
  };
}

const START = "start";

interface Selection {
  readonly cases: readonly Case[];
  readonly start: boolean;
  readonly packets: boolean;
}

function select(): Selection {
  const { only, packets } = values;
  if (only === undefined && packets) return { cases: [], start: false, packets };
  if (only === undefined)
    return { cases: cases.filter(({ isExtra }) => isExtra !== true), start: true, packets: true };
  const names = [...cases.map(({ name }) => name), START];
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no case ${unknown}; there are ${names.join(", ")}`);
  return { cases: cases.filter(({ name }) => only.includes(name)), start: only.includes(START), packets };
}

const say = (text: string) => process.stderr.write(`${text}\n`);

async function measureCalls(selected: readonly Case[], extent: Extent): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const subject of selected) {
    say(`measuring ${subject.name}: ${extent.pairs} pairs, ${extent.held} held`);
    measured.push(await measureCase(subject, extent));
  }
  return measured;
}

async function measureStarts(extent: Extent): Promise<MeasuredStart> {
  say(`measuring ${START}: ${extent.pairs} rounds`);
  return measureStart(extent);
}

async function measureAllPackets(extent: Extent): Promise<MeasuredPackets[]> {
  const measured: MeasuredPackets[] = [];
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
async function measureOverlays({ rounds, seconds }: Extent): Promise<string> {
  say(`measuring vxlan: ${rounds} rounds of ADDs, and of ${seconds} s of traffic`);
  return reportVxlan(await measureScale(rounds), await measureTraffic(seconds));
}

/** Calls with ever longer lists. */
async function measureLoops({ rounds }: Extent): Promise<string> {
  const measured = [];
  for (const subject of loopSubjects) {
    say(
      `measuring loops, ${subject.name}: ${rounds} rounds with up to ${subject.counts.at(-1)} ${subject.entries}`,
    );
    measured.push(await measureLoop(subject, rounds));
  }
  return reportLoops(measured);
}

/** What passes the limits of bandwidth. */
async function measureLimits({ reference, rounds, seconds }: Extent): Promise<string> {
  say(`measuring shaping: ${rounds} rounds of ${seconds} s`);
  return reportShaping(await measureShaping(reference, rounds, seconds), rounds, seconds);
}

/** The benchmarks with a name. */
const others: Readonly<Record<string, (extent: Extent) => Promise<string>>> = {
  vxlan: measureOverlays,
  loops: measureLoops,
  shaping: measureLimits,
};

/** What goes into files: the text for each name of marks. */
type Parts = Readonly<Record<string, string>>;

async function measureNamed(subject: string, extent: Extent): Promise<Parts> {
  const other = others[subject];
  if (other === undefined)
    throw new Error(`no benchmark ${subject}; there are ${Object.keys(others).join(", ")}`);
  return { [subject]: await other(extent) };
}

async function measureBesideReference(extent: Extent): Promise<Parts> {
  const selected = select();
  const start = selected.start ? await measureStarts(extent) : undefined;
  const calls = await measureCalls(selected.cases, extent);
  const packets = selected.packets ? await measureAllPackets(extent) : [];
  const findings = { calls, start, packets };
  const figures = figuresOf(findings, extent);
  return { bench: report(findings, extent), ...(figures === undefined ? {} : { figures }) };
}

/** The files to write. Throws before anything is measured if one of them has no marks. */
function readTargets(): readonly string[] {
  const files = values.write ?? [];
  const names = ["bench", "figures", ...Object.keys(others)];
  const unmarked = files.find((file) => !names.some((name) => hasMarks(file, name)));
  if (unmarked !== undefined) throw new Error(`${unmarked} has no marks of ${names.join(", ")}`);
  return files;
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark makes network namespaces: run it as root");
  const extent = readExtent();
  const targets = readTargets();
  const [subject] = positionals;
  const parts = await (subject === undefined
    ? measureBesideReference(extent)
    : measureNamed(subject, extent));
  for (const [name, text] of Object.entries(parts)) if (name !== "figures") console.log(text);
  for (const file of targets)
    for (const [name, text] of Object.entries(parts))
      if (hasMarks(file, name)) writeBetweenMarks(file, name, text);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
