/** The cost of starts, as Markdown. */

import { table } from "../../markdown.ts";
import { startGoal } from "../cases.ts";
import type { Extent } from "../extent.ts";
import { judgeMost } from "../goals.ts";
import type { Cost } from "../protocol.ts";
import { each, median, ratioOf } from "../statistics.ts";
import type { MeasuredStart } from "./measure.ts";

const shown = (costs: readonly Cost[]): string[] => {
  if (costs.length === 0) return ["", "", ""];
  return [
    median(each(costs, "wall")).toFixed(2),
    median(each(costs, "faults")).toFixed(0),
    (median(each(costs, "memory")) / 1e6).toFixed(1),
  ];
};

const both = (ours: readonly Cost[], theirs: readonly Cost[]): string[] => {
  const [own, other] = [shown(ours), shown(theirs)];
  return own.map((text, index) => (theirs.length === 0 ? text : `${text} / ${other[index]}`));
};

export function reportStart({ plugins, limit }: MeasuredStart, { pairs }: Extent): string[] {
  const rows = plugins.map(({ name, ours, theirs }) => {
    const [wall = "", faults = "", memory = ""] = both(ours, theirs);
    const ratio = ratioOf(ours, theirs, "wall");
    const judged = theirs.length === 0 ? ["", ""] : [ratio.toFixed(2), judgeMost(ratio, startGoal)];
    return [name, wall, ...judged, faults, memory];
  });
  const [wall = "", faults = ""] = shown(limit);
  return [
    `Starts, ours / reference: VERSION of each plugin, medians of ${pairs} rounds. The empty program is a static one in C,`,
    "on the C library that ours have.",
    "",
    table([
      ["VERSION of", "wall ms", "wall ratio", "goal", "page faults", "memory MB"],
      ...rows,
      // The kernel's figure includes the measuring process, which has more memory.
      ["(empty program)", wall, "", "", faults, ""],
    ]),
  ];
}
