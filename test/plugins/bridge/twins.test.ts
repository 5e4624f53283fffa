import { describe, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { expectFirstToStay, expectOneOfTwo, holdUps } from "../attachment/twins.ts";
import { everything } from "./everything.ts";
import { Host, programs } from "./host.ts";

describe.runIf(canRun("strace", ...programs))("two ADDs of one container and interface at once", () => {
  test("attach it once, and the other is refused, time after time", async () => {
    await using host = await Host.create();
    await expectOneOfTwo(host, everything, 25);
  }, 300_000);

  test.each(holdUps)(
    "the first held up %s: the second is refused, and disturbs nothing",
    async (holdUp) => {
      await using host = await Host.create();
      await expectFirstToStay(host, everything, holdUp);
    },
    60_000,
  );
});
