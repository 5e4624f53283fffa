import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/witness.ts";
import { backends, bridgeConfig, PortHost, programs } from "./host.ts";

const count = 3000;
const first = 20_000;
const ports = (shift: number) =>
  Array.from({ length: count }, (_, index) => ({ hostPort: first + index, containerPort: shift + index }));
const limit = 120_000;

describe.runIf(canRun(...programs)).each(backends)(`a container with ${count} ports (%s)`, (backend) => {
  test(
    "gets them all, in both families; a repeated ADD changes them, CHECK finds them, and DEL leaves nothing",
    async () => {
      await using host = await PortHost.create(backend);
      await host.warmUp();
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      const before = await hostState(host.node);
      const last = first + count - 1;
      for (const shift of [first, 40_000]) {
        const mappings = ports(shift);
        await host.portmap.add(pod, host.config(mappings, result), { timeout: limit });
        await host.check(pod, mappings, result);
        await startEcho(host.node, shift + count - 1, "a");
        expect(await host.fromOutside(host.outside.nodeAddress4, last)).toBe(host.outside.address4);
        expect(await host.fromOutside(host.outside.nodeAddress6, last)).toBe(host.outside.address6);
      }
      await host.detach(pod);
      expect(await hostState(host.node)).toEqual(before);
    },
    limit,
  );
});
