import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { Stage } from "./stage.ts";
import { subjects } from "./subjects.ts";

/** Each message to the kernel is a system call and an answer, and some of them wait for a lock that all containers share. */
const most: Readonly<Record<string, number>> = {
  bridge: 31,
  ptp: 22,
  vxlan: 54,
  dhcp: 4,
  "host-local": 0,
  loopback: 6,
  // Two of them look at the guard of 127.0.0.0/8 on the interface, and make it.
  portmap: 12,
  firewall: 9,
  macvlan: 12,
  "host-device": 13,
  tap: 12,
  tuning: 6,
  sbr: 24,
  // Those of the bridge, which attaches its pods.
  flannel: 31,
  bandwidth: 9,
};

describe.each(subjects)("$name", ({ plugin, programs, isPossible = true, ...rest }) => {
  test.runIf(isPossible && canRun("strace", ...programs))(
    "attaches one more container with few messages to the kernel",
    async () => {
      await using stage = await Stage.create({ plugin, programs, ...rest });
      const messages = (await stage.stepsOfAdd()).filter(({ syscall }) => syscall === "sendto");
      expect(messages.length).toBeLessThanOrEqual(most[plugin] ?? 0);
    },
  );
});
