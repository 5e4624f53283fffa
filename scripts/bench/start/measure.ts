/** The cost of starting each executable, by VERSION, which does little else. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { distBin } from "../../../test/helpers/index.ts";
import { findPlugins } from "../../bundle.ts";
import { buildEmptyProgram, emptyNetwork } from "../empty-program.ts";
import type { Extent } from "../extent.ts";
import { warmUps } from "../measure.ts";
import { network } from "../networks.ts";
import type { Cost } from "../protocol.ts";
import { createSite, measuredContainer } from "../site.ts";

export interface MeasuredStart {
  /** Ours, and the reference's of the same name, if any: one cost per round. */
  readonly plugins: readonly { readonly name: string; readonly ours: Cost[]; readonly theirs: Cost[] }[];
  /** The costs of the empty program. */
  readonly limit: Cost[];
}

const networkOf = (names: readonly string[]) => network(...names.map((type) => ({ type })));

export async function measureStart({ pairs, reference }: Extent): Promise<MeasuredStart> {
  const names = [...findPlugins().keys()];
  const known = names.filter((name) => existsSync(join(reference, name)));
  await using program = await buildEmptyProgram();
  await using ours = await createSite(distBin, networkOf(names));
  await using theirs = await createSite(reference, networkOf(known));
  await using empty = await createSite(program.folder, emptyNetwork(1));
  const plugins = names.map((name) => ({ name, ours: [] as Cost[], theirs: [] as Cost[] }));
  const limit: Cost[] = [];
  for (let round = 0; round < pairs + warmUps; round += 1) {
    const container = measuredContainer(round);
    const own = await ours.measure("VERSION", container);
    const other = await theirs.measure("VERSION", container);
    const least = await empty.measure("VERSION", container);
    if (round < warmUps) continue;
    limit.push(...least);
    for (const [index, cost] of own.entries()) plugins[index]?.ours.push(cost);
    for (const [index, cost] of other.entries())
      plugins.find(({ name }) => name === known[index])?.theirs.push(cost);
  }
  return { plugins, limit };
}
