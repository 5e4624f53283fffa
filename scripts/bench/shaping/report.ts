/** The limits of bandwidth and what passed, as Markdown. */
import { cpus, release } from "node:os";
import { table } from "../../markdown.ts";
import { median } from "../statistics.ts";
import type { Shaped } from "./measure.ts";

/** How far a rate may be from the limit. */
const goal = 0.05;

const megabits = (bits: number) => (bits / 1e6).toFixed(bits < 1e8 ? 2 : 0);

function row({ direction, limit, ours, theirs }: Shaped): string[] {
  const share = median(ours) / limit;
  const isMet = Math.abs(share - 1) <= goal;
  return [
    direction === "ingress" ? "receives" : "sends",
    megabits(limit),
    megabits(median(ours)),
    share.toFixed(3),
    `within 5 %, ${isMet ? "met" : "missed"}`,
    megabits(median(theirs)),
    (median(theirs) / limit).toFixed(3),
  ];
}

export const reportShaping = (shaped: readonly Shaped[], rounds: number, seconds: number): string =>
  [
    `The plugin bandwidth on Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}.`,
    `A container with one limit, and a TCP stream, medians of ${rounds} rounds of ${seconds} s. Mbit/s with the headers of the frames, which the`,
    "kernel counts too: a program has 95.6 % of them.",
    "",
    table([
      ["the container", "limit", "ours", "of the limit", "goal", "reference", "of the limit"],
      ...shaped.map(row),
    ]),
  ].join("\n");
