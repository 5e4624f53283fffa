import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { backends, bridgeConfig, failed, PortHost, programs } from "./host.ts";

const count = 3000;
const first = 20_000;
const ports = (shift: number, length = count) =>
  Array.from({ length }, (_, index) => ({ hostPort: first + index, containerPort: shift + index }));
const limit = 300_000;

/** An IP set that has grown stays as large as it is. */
const stateOf = async (host: PortHost) => {
  const state = await hostState(host.node);
  return { ...state, ipsets: state.ipsets.map((line) => line.replace(/hashsize \d+/, "hashsize")) };
};

describe.runIf(canRun(...programs)).each(backends)(`a container with ${count} ports (%s)`, (backend) => {
  test(
    "gets them all, in both families; a repeated ADD changes them, CHECK finds them, and DEL leaves nothing",
    async () => {
      await using host = await PortHost.create(backend);
      await host.warmUp();
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      const before = await stateOf(host);
      const last = first + count - 1;
      for (const shift of [first, 40_000]) {
        const mappings = ports(shift);
        await host.portmap.add(pod, host.config(mappings, result), { timeout: limit });
        await host.check(pod, mappings, result, {}, { timeout: limit });
        const server = await startEcho(host.node, shift + count - 1, "a");
        expect(await host.fromOutside(host.outside.nodeAddress4, last)).toBe(host.outside.address4);
        expect(await host.fromOutside(host.outside.nodeAddress6, last)).toBe(host.outside.address6);
        await server.stop();
      }
      await host.detach(pod);
      expect(await stateOf(host)).toEqual(before);
    },
    limit,
  );
});

describe.runIf(canRun(...programs))("more ports than iptables takes in good time", () => {
  test("are refused, and nothing is changed", async () => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    const run = await host.portmap.call("ADD", pod, host.config(ports(first, 10_001), result));
    failed(run, 7, /10001 host ports.*10000.*nftables/);
    expect(await hostState(host.node)).toEqual(before);
  });
});
