/** DEL whose namespace path does not lead to the attachment's container any more. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { Stage } from "./stage.ts";
import { subjects } from "./subjects.ts";

describe.each(subjects)("DEL of $name", ({ programs, isPossible = true, isInside = false, ...subject }) => {
  const given = { programs, isPossible, isInside, ...subject };
  const runs = test.runIf(isPossible && canRun(...programs));

  runs("of a container that is gone leaves the one that its path leads to now", async () => {
    await using stage = await Stage.create(given);
    const result = await stage.add();
    const attached = await stage.state();
    for (let time = 0; time < 2; time++) {
      await stage.del({ containerId: "id-former" });
      expect(await stage.state()).toEqual(attached);
    }
    await stage.check(result);
  });

  runs("of another interface leaves this one", async () => {
    await using stage = await Stage.create(given);
    const result = await stage.add();
    const attached = await stage.state();
    await stage.del({ ifname: "eth7" });
    expect(await stage.state()).toEqual(attached);
    await stage.check(result);
  });
});

/** What is in the container only cannot be reached without its path. */
const onHost = subjects.filter(({ isInside = false }) => !isInside);

describe.each(onHost)("DEL of $name", ({ programs, isPossible = true, ...subject }) => {
  test.runIf(isPossible && canRun(...programs))(
    "leaves nothing when its path leads to the node's own namespace",
    async () => {
      await using stage = await Stage.create({ programs, isPossible, ...subject });
      await stage.add();
      await stage.del({ netns: "/proc/self/ns/net" });
      await stage.expectAsBefore();
    },
  );
});
