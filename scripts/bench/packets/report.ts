/** The cost of packets, as Markdown. */

import { table } from "../../markdown.ts";
import type { Extent } from "../extent.ts";
import { judgeLeast } from "../goals.ts";
import { median, pairedRatio } from "../statistics.ts";
import { type MeasuredPackets, type Translation, translations } from "./measure.ts";
import type { Traffic } from "./protocol.ts";
import { flatGoal } from "./subjects.ts";

const titles: Readonly<Record<Translation, string>> = {
  masquerade: "container to outside, masquerade",
  hostPort: "outside to container, host port",
};

const rates = (runs: readonly Traffic[]): number[] =>
  runs.map(({ connections, seconds }) => connections / seconds);

/** Microseconds of CPU time per connection. */
const costs = (runs: readonly Traffic[]): number[] =>
  runs.map(({ connections, cpu }) => (1e6 * cpu) / connections);

const cost = (runs: readonly Traffic[]): string => median(costs(runs)).toFixed(0);

const rate = (runs: readonly Traffic[]): string => median(rates(runs)).toFixed(0);

function row({ subject, held, traffic }: MeasuredPackets, translation: Translation): string[] {
  const { one, many } = traffic[translation];
  const ratio = pairedRatio(rates(many), rates(one));
  return [
    titles[translation],
    subject.name,
    rate(one),
    rate(many),
    String(held),
    ratio.toFixed(2),
    judgeLeast(ratio, subject.isReference ? undefined : flatGoal),
    `${cost(one)} / ${cost(many)}`,
    pairedRatio(costs(many), costs(one)).toFixed(2),
  ];
}

/** The share of the generator's own code in its CPU time, in percent. */
function ownShare(measured: readonly MeasuredPackets[]): string {
  const runs = measured.flatMap(({ traffic }) =>
    translations.flatMap((translation) => Object.values(traffic[translation]).flat()),
  );
  return (100 * median(runs.map(({ own, cpu }) => own / cpu))).toFixed(0);
}

export function reportPackets(measured: readonly MeasuredPackets[], extent: Extent): string[] {
  const heading = [
    "translation",
    "by",
    "with 1",
    "with many",
    "many",
    "ratio",
    "goal",
    "CPU us",
    "CPU ratio",
  ];
  return [
    "Packets: TCP connections a second, one after the other, opened and closed, with one attachment on the node and",
    `with many. Each has masquerade and one host port (ptp, then portmap). Medians of ${extent.rounds} rounds of`,
    `${extent.seconds} s; of the CPU time of the program that connects ${ownShare(measured)} % is its own code's, the rest is the kernel's.`,
    "",
    table([heading, ...translations.flatMap((translation) => measured.map((one) => row(one, translation)))]),
  ];
}
