import { describe } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { testTwins } from "../attachment/twins.ts";
import { everything, Host, programs } from "./host.ts";

describe.runIf(canRun("strace", ...programs))("two ADDs of one container and interface at once", () => {
  testTwins(() => Host.create(), everything, 25);
});
