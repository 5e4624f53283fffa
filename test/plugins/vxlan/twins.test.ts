import { describe, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { expectFirstToStay, expectOneOfTwo, holdUps } from "../attachment/twins.ts";
import { makeUnderlay, network } from "./stage.ts";
import { Host, programs } from "./world.ts";

const createHost = async () => {
  const host = await Host.create("vxlan");
  await makeUnderlay(host);
  return host;
};

describe.runIf(canRun("strace", ...programs)).each(["l2", "l3"] as const)(
  "two ADDs of one container and interface at once (%s)",
  (mode) => {
    const config = network(mode, [2, 3], { ipMasq: mode === "l3" });

    test("attach it once, and the other is refused, time after time", async () => {
      await using host = await createHost();
      await expectOneOfTwo(host, config, 15);
    }, 300_000);

    test.each(holdUps)(
      "the first held up %s: the second is refused, and disturbs nothing",
      async (holdUp) => {
        await using host = await createHost();
        await expectFirstToStay(host, config, holdUp);
      },
      60_000,
    );
  },
);
