/** One segment with a gateway on each node: masquerade applies to traffic out of the overlay only. */
import { describe, expect, test } from "vitest";
import { canRun, createOutside, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import { addresses, defaultRoutes } from "../attachment/kernel-state.ts";
import { attachEverywhere, createWorld, l2Network, programs, type World } from "./world.ts";

const gatewayOf = (index: number) => [`10.10.0.${16 * index + 1}`, `fd00:10::${index + 1}:1`];

/** Both families; the gateway is this node's own, in its part of the subnet. */
function network(world: World, own: number) {
  const [gateway4, gateway6] = gatewayOf(own);
  const from = 16 * own;
  const part4 = {
    subnet: "10.10.0.0/24",
    rangeStart: `10.10.0.${from + 2}`,
    rangeEnd: `10.10.0.${from + 14}`,
  };
  const part6 = {
    subnet: "fd00:10::/64",
    rangeStart: `fd00:10::${own + 1}:2`,
    rangeEnd: `fd00:10::${own + 1}:ff`,
  };
  return l2Network(world, own, {
    isGateway: true,
    isDefaultGateway: true,
    ipMasq: true,
    ipMasqBackend: "nftables",
    ipam: {
      type: "host-local",
      ranges: [[{ ...part4, gateway: gateway4 }], [{ ...part6, gateway: gateway6 }]],
    },
  });
}

describe.runIf(canRun(...programs))("a gateway on each node of one segment", () => {
  test("leads outside masqueraded, while pods see each other's own addresses", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    await using outside = await createOutside(host.node);
    const [one, two] = await attachEverywhere(world, (index) => network(world, index));
    for (const index of [0, 1]) {
      const { node } = world.host(index);
      expect(await defaultRoutes(node, 4, "pod")).toEqual([`via ${gatewayOf(index)[0]}`]);
      expect((await addresses(node, "br-vx100")).map((each) => each.replace(/\/.*/, ""))).toEqual(
        gatewayOf(index),
      );
    }
    await using _inside = await startEcho(world.host(1).node, 8080, "pod");
    await using _back = await startEcho(host.node, 8080, "pod");
    await using _outside = await startEcho(outside, 8080);
    for (const [at, address] of (two?.addresses ?? []).entries()) {
      const own = one?.addresses[at] ?? "";
      expect(await seenAddress(host.node, address, 8080, { netns: "pod" })).toBe(own);
      expect(await seenAddress(world.host(1).node, own, 8080, { netns: "pod" })).toBe(address);
      // The gateway of the other node is on the segment too.
      expect(await ping(host.node, gatewayOf(1)[at] ?? "", { netns: "pod" })).toBe(true);
    }
    const { address4, address6, nodeAddress4, nodeAddress6 } = outside;
    expect(await seenAddress(host.node, address4, 8080, { netns: "pod" })).toBe(nodeAddress4);
    expect(await seenAddress(host.node, address6, 8080, { netns: "pod" })).toBe(nodeAddress6);
    await host.check(one as never, network(world, 0), one?.result);
  });
});
