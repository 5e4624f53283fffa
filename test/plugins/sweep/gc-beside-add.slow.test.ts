/** `podwire gc` while an ADD of another runtime works: the list that it has made cannot have the attachment. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, type ExpectStatic, test } from "vitest";
import { podwire } from "../../cli/podwire.ts";
import { canRun, distBin } from "../../helpers/index.ts";
import { succeeded } from "../attachment/host.ts";
import { reservations } from "../attachment/kernel-state.ts";
import { countReservations, isOnItsWay, type Moment, moments, stepAt } from "./moments.ts";
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

/** Calls podwire gc while an ADD is held up, and expects the ADD to succeed, and the attachment to be whole. */
async function collectBeside(
  subject: Subject,
  moment: Moment,
  prefix: readonly [string, ...string[]],
  expectHere: ExpectStatic,
): Promise<void> {
  await using stage = await Stage.create(subject);
  const { node } = stage.host;
  const total = await countReservations(stage);
  const step = stepAt(await stage.stepsOfAdd(), moment);
  const call = stage.callWith("ADD", step, "delay_enter=2000000");
  const isHeldUp = () => isOnItsWay(stage, moment, total);
  await expectHere.poll(isHeldUp, { interval: 10, timeout: 20_000 }).toBe(true);
  const [command, ...words] = prefix;
  const env = { CNI_PATH: distBin, NETCONFPATH: writeNetwork(stage) };
  const collected = await node.exec(command, [...words, podwire, "gc", "net"], { env, reject: false });
  expectHere(collected).toMatchObject({ exitCode: 0, stderr: "" });
  const { json } = succeeded(await call);
  await stage.check(json);
  expectHere(await reservations(node)).toHaveLength(total);
}

describe.each([...subjects.filter(isPair), ...keptOverlays])(
  "podwire gc beside an ADD of $name",
  (subject) => {
    const { programs, isPossible = true } = subject;
    test.runIf(isPossible && canRun("strace", ...programs)).concurrent.for(moments)(
      "that is held up %s takes nothing of it",
      { timeout: 120_000 },
      (moment, { expect }) => collectBeside(subject, moment, ["env"], expect),
    );
  },
);

// There the processes of the ADD cannot be seen; its lock can.
describe.each(subjects.filter(({ name }) => name === "bridge (nftables)"))(
  "podwire gc in another PID namespace",
  (subject) => {
    test
      .runIf(canRun("strace", "unshare", ...subject.programs))
      .concurrent(
        "takes nothing of an ADD that has not made its interface yet",
        { timeout: 120_000 },
        ({ expect }) =>
          collectBeside(subject, moments[0], ["unshare", "--pid", "--fork", "--mount-proc"], expect),
      );
  },
);
