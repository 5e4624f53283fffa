/** The reference plugins and ours take over from each other. */
import assert from "node:assert/strict";
import type { Keys, Stage } from "./stage.ts";

/** The reference 1.1.1 knows no 1.1.0. */
const version: Keys = { cniVersion: "1.0.0" };

/** What one of both has attached, the other checks and detaches; ours also when the namespace went first. */
export async function assertChangeOver(ours: Stage): Promise<void> {
  const reference = ours.reference();
  for (const [maker, other] of [
    [reference, ours],
    [ours, reference],
  ] as const) {
    const prevResult = await maker.done("ADD", version);
    assert.deepEqual(await ours.names(), ["lo", "eth0"]);
    await other.done("CHECK", { ...version, prevResult });
    await other.done("DEL", { ...version, prevResult });
    assert.deepEqual(await ours.names(), ["lo"]);
    assert.deepEqual(await ours.reservations(), []);
  }
  const prevResult = await reference.done("ADD", version);
  await ours.node.deleteNetns(ours.pod);
  await ours.done("DEL", { ...version, prevResult }, "");
  assert.deepEqual(await ours.reservations(), []);
}
