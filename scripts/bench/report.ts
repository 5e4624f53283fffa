/** The whole report as Markdown, and its place in a file. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { reportCalls } from "./calls-report.ts";
import type { Extent } from "./extent.ts";
import type { Measured } from "./measure.ts";
import type { MeasuredPackets } from "./packets/measure.ts";
import { reportPackets } from "./packets/report.ts";

/** What was measured; nothing is said about what was not. */
export function report(
  calls: readonly Measured[],
  packets: readonly MeasuredPackets[],
  extent: Extent,
): string {
  return [
    "Ours and the reference (Debian's containernetworking-plugins) in turn on one machine:",
    `Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}.`,
    ...(calls.length === 0 ? [] : ["", ...reportCalls(calls, extent)]),
    ...(packets.length === 0 ? [] : ["", ...reportPackets(packets, extent)]),
  ].join("\n");
}

const begin = "<!-- bench -->";
const end = "<!-- /bench -->";

/** Puts the report between the two marks of a Markdown file. */
export function writeReport(file: string, text: string): void {
  const old = readFileSync(file, "utf8");
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} ... ${end}`);
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
