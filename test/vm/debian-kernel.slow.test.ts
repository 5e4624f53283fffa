import { afterAll, beforeAll, describe, test } from "vitest";
import { canRun } from "../helpers/index.ts";
import { type Machine, startMachine } from "./machine.ts";
import { createVmNode } from "./node.ts";
import { scenarios } from "./scenarios/index.ts";
import { prepareVm } from "./setup.ts";

// The VLAN features of the bridge plugin need a kernel with bridge VLAN filtering and 802.1Q. Not every machine that
// runs these tests has one, so they run on Debian's own kernel in a virtual machine, booted once for all of them. There
// modules can be kept away too, as if the kernel had not been built with them.

/** Generous, because the first run downloads a kernel, and because other tests may keep the processors busy. */
const bootLimit = 600_000;
const scenarioLimit = 300_000;

describe.runIf(canRun() && process.arch === "x64")("on Debian's kernel", () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await startMachine(await prepareVm());
  }, bootLimit);

  afterAll(() => machine?.stop(), 60_000);

  for (const { name, run, isMachine = false } of scenarios) {
    test.concurrent(name, async () => run(await createVmNode(machine, isMachine)), scenarioLimit);
  }
});
