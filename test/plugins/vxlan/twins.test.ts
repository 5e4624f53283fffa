import { describe } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { testTwins } from "../attachment/twins.ts";
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
    testTwins(createHost, network(mode, [2, 3], { ipMasq: mode === "l3" }), 15);
  },
);
