/** An ADD that fails at any of its messages to the kernel leaves pod, device and peers as they were. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { expectErrorOrSuccess, FaultStage, forEachStep } from "../attachment/fault-stage.ts";
import type { Host, Keys } from "../attachment/host.ts";
import { containerState, hostState } from "../attachment/witness.ts";
import { overlayOf, programs } from "./world.ts";

const limit = 300_000;

/** A network over an interface that the stage makes. */
const network = (mode: "l2" | "l3", numbers: readonly number[], keys: Keys = {}): Keys => {
  const isRouted = mode === "l3";
  const peers = numbers.map((number) => ({
    vtep: `192.0.2.${number}`,
    ...(isRouted ? { subnets: [`10.244.${number}.0/24`] } : {}),
  }));
  const ipam = { type: "host-local", ...(isRouted ? {} : { subnet: "10.10.0.0/24" }) };
  const l3 = { l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"] } };
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "vxlan",
    mode,
    vni: 100,
    underlay: { dev: "eth0", local: "192.0.2.1" },
    discovery: { type: "static", peers },
    ...(isRouted ? l3 : {}),
    ipam,
    ...keys,
  };
};

const makeUnderlay = async ({ node }: Host): Promise<void> => {
  const lines = [
    "link add eth0 type veth peer name cable",
    "address add 192.0.2.1/24 dev eth0",
    "address add 192.0.2.11/24 dev eth0",
    "link set cable up",
    "link set eth0 up",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
  await node.exec("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
};

const stateOf = async ({ host }: FaultStage) => ({
  ...(await hostState(host.node)),
  container: await containerState(host.node, "a"),
  overlay: await overlayOf(host.node).catch(() => undefined),
});

const messages = (step: { syscall: string }) => step.syscall === "sendto";

describe.runIf(canRun("strace", ...programs))("ADD with a message to the kernel failing", () => {
  test.each(["l2", "l3"] as const)(
    "leaves nothing of a new overlay (%s)",
    async (mode) => {
      await using stage = await FaultStage.create(
        network(mode, [2, 3], { keepDevice: false }),
        async (host) => {
          await makeUnderlay(host);
          await host.warmUp(network(mode, [2, 3], { keepDevice: false }));
        },
      );
      await forEachStep((await stage.stepsOfAdd()).filter(messages), async (step) => {
        const run = await stage.callWith("ADD", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode === 0) await stage.host.del(stage.pod, stage.config);
        await stage.expectAsBefore();
      });
    },
    limit,
  );

  test.each(["l2", "l3"] as const)(
    "leaves the peers of an overlay as they were, where others are configured (%s)",
    async (mode) => {
      const former = network(mode, [2, 3]);
      // The local address changes too, and with it the device's MAC address.
      const later = network(mode, [3, 4], { underlay: { dev: "eth0", local: "192.0.2.11" } });
      await using stage = await FaultStage.create(later, async (host) => {
        await makeUnderlay(host);
        await host.add(await host.pod("neighbour"), former);
      });
      const { host } = stage;
      const restore = async () => {
        const other = await host.pod("other");
        await host.add(other, former);
        await host.del(other, former);
        await host.node.deleteNetns("other");
      };
      const steps = (await stage.stepsOfAdd()).filter(messages);
      await restore();
      let failures = 0;
      await forEachStep(steps, async (step) => {
        const before = await stateOf(stage);
        const run = await stage.callWith("ADD", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode !== 0) {
          failures++;
          expect(await stateOf(stage)).toEqual(before);
          return;
        }
        await host.del(stage.pod, stage.config);
        await restore();
      });
      expect(failures).toBeGreaterThan(5);
    },
    limit,
  );
});
