import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { addresses, hostState, routes } from "../attachment/kernel-state.ts";
import { Host, hostLocal, network, programs } from "./host.ts";

const count = 100;
const upTo = Array.from({ length: count }, (_, index) => index);

const config = network({
  isGateway: true,
  ipMasq: true,
  ipam: hostLocal(
    upTo.flatMap((index) => [`10.1.${index}.0/24`, `fd00:${index + 1}::/64`]),
    { routes: upTo.map((index) => ({ dst: `192.168.${index}.0/24`, gw: "10.1.0.1" })) },
  ),
});

describe.runIf(canRun(...programs))(`a container with ${2 * count} addresses and ${count} routes`, () => {
  test("gets them all, passes CHECK, and leaves nothing", async () => {
    await using host = await Host.create();
    await host.warmUp(config);
    const before = await hostState(host.node);
    const pod = await host.pod("a");
    const result = await host.add(pod, config);
    expect(result.ips).toHaveLength(2 * count);
    expect(await addresses(host.node, "eth0", "a")).toHaveLength(2 * count);
    expect(await addresses(host.node, "br0")).toHaveLength(2 * count);
    expect(await routes(host.node, 4, "a")).toHaveLength(count);
    for (const address of ["10.1.99.3", "fd00:100::3"]) expect(await ping(host.node, address)).toBe(true);
    await host.check(pod, config, result);
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  });
});
