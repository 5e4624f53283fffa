/** `podwire gc` while an ADD of another runtime works: the list that it has made cannot have the attachment. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, test } from "vitest";
import { runOn } from "../../cli/podwire.ts";
import { canRun } from "../../helpers/index.ts";
import { succeeded } from "../attachment/host.ts";
import { reservations } from "../attachment/kernel-state.ts";
import { countReservations, isOnItsWay, moments, stepAt } from "./moments.ts";
import { Stage } from "./stage.ts";
import { keptOverlays, type Subject, subjects } from "./subjects.ts";

/** A folder on the node with the subject's network. */
function writeNetwork({ host: { node }, config }: Stage): string {
  const folder = node.path("/run/net.d");
  mkdirSync(folder, { recursive: true });
  const { name, cniVersion, ...plugin } = config;
  writeFileSync(`${folder}/net.conflist`, JSON.stringify({ name, cniVersion, plugins: [plugin] }));
  return "/run/net.d";
}

const isPair = ({ makesInterface = false, plugin }: Subject) => makesInterface && plugin !== "vxlan";

describe.each([...subjects.filter(isPair), ...keptOverlays])(
  "podwire gc beside an ADD of $name",
  (subject) => {
    const { programs, isPossible = true } = subject;
    test.runIf(isPossible && canRun("strace", ...programs)).concurrent.for(moments)(
      "that is held up %s takes nothing of it",
      { timeout: 120_000 },
      async (moment, { expect: expectHere }) => {
        await using stage = await Stage.create(subject);
        const { node } = stage.host;
        const total = await countReservations(stage);
        const step = stepAt(await stage.stepsOfAdd(), moment);
        const call = stage.callWith("ADD", step, "delay_enter=2000000");
        const isHeldUp = () => isOnItsWay(stage, moment, total);
        await expectHere.poll(isHeldUp, { interval: 10, timeout: 20_000 }).toBe(true);
        const collected = await runOn(node, ["gc", "net"], { NETCONFPATH: writeNetwork(stage) });
        expectHere(collected).toMatchObject({ exitCode: 0, stderr: "" });
        const { json } = succeeded(await call);
        await stage.check(json);
        expectHere(await reservations(node)).toHaveLength(total);
      },
    );
  },
);
