/** The whole report as Markdown. */
import { cpus, release } from "node:os";
import { referenceBin } from "../../test/helpers/index.ts";
import { reportCalls } from "./calls-report.ts";
import type { Extent } from "./extent.ts";
import { reportGoals } from "./goals-report.ts";
import type { Measured } from "./measure.ts";
import type { MeasuredPackets } from "./packets/measure.ts";
import { reportPackets } from "./packets/report.ts";
import type { MeasuredStart } from "./start/measure.ts";
import { reportStart } from "./start/report.ts";

export interface Findings {
  readonly calls: readonly Measured[];
  readonly start: MeasuredStart | undefined;
  readonly packets: readonly MeasuredPackets[];
}

const nameOf = (reference: string): string =>
  reference === referenceBin ? "Debian's containernetworking-plugins" : `the executables in ${reference}`;

const section = (lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", ...lines]);

/** Reports the measured parts only. */
export function report({ calls, start, packets }: Findings, extent: Extent): string {
  return [
    `Ours and the reference (${nameOf(extent.reference)}) in turn on one machine:`,
    `Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}.`,
    ...section(reportGoals(calls, start, extent)),
    ...section(calls.length === 0 ? [] : reportCalls(calls, extent)),
    ...section(start === undefined ? [] : reportStart(start, extent)),
    ...section(packets.length === 0 ? [] : reportPackets(packets, extent)),
  ].join("\n");
}
