/** Packets of every size, and what carries them. */
import { describe, expect, test } from "vitest";
import { canRun, type Node, seenAddress, startEcho } from "../../helpers/index.ts";
import { link } from "../attachment/kernel-state.ts";
import { attachEverywhere, createWorld, l2Network, l3Network, programs } from "./world.ts";

/** A ping with a payload of that size that must not be fragmented. */
const pingOfSize = async (node: Node, address: string, size: number) => {
  const args = ["-n", "-c", "1", "-W", "3", "-M", "do", "-s", String(size), address];
  return node.exec("ping", args, { netns: "pod", reject: false });
};

const HEADERS = { 4: 28, 6: 48 } as const;

describe.runIf(canRun(...programs))("the MTU", () => {
  test.each([
    ["l2", 4, 1450],
    ["l2", 6, 1430],
    ["l3", 4, 1450],
    ["l3", 6, 1430],
  ] as const)(
    "lets packets of just the right size pass in the mode %s over IPv%s",
    async (mode, family, mtu) => {
      await using world = await createWorld(2);
      const pods = await attachEverywhere(world, (index) =>
        mode === "l2"
          ? l2Network(world, index, {}, family)
          : l3Network(world, index, {}, { family, families: [4, 6] }),
      );
      const { node } = world.host(0);
      const address = pods[1]?.addresses[0] ?? "";
      expect((await link(node, "vx100")).mtu).toBe(mtu);
      expect((await link(node, "eth0", "pod")).mtu).toBe(mtu);
      for (const target of pods[1]?.addresses ?? []) {
        const largest = mtu - HEADERS[target.includes(":") ? 6 : 4];
        expect((await pingOfSize(node, target, largest)).exitCode).toBe(0);
        // EMSGSIZE, in ping's words: the pod itself knows.
        const larger = await pingOfSize(node, target, largest + 1);
        expect(larger.exitCode).not.toBe(0);
        expect(larger.stdout + larger.stderr).toMatch(
          new RegExp(`local error: message too long, mtu[=:] ?${mtu}`),
        );
      }
      await using _server = await startEcho(world.host(1).node, 8080, "pod");
      expect(await seenAddress(node, address, 8080, { netns: "pod" })).toBe(pods[0]?.addresses[0]);
    },
  );

  test("follows the underlay's", async () => {
    await using world = await createWorld(2, { mtu: 9000 });
    await attachEverywhere(world, (index) => l2Network(world, index));
    expect((await link(world.host(0).node, "eth0", "pod")).mtu).toBe(8950);
  });

  test("is sent to a pod whose own is larger: fragmentation needed", async () => {
    await using world = await createWorld(2);
    const pods = await attachEverywhere(world, (index) => l3Network(world, index));
    const { node } = world.host(0);
    // As if an earlier, larger underlay had given it: both ends of its link.
    await node.exec("ip", ["link", "set", "eth0", "mtu", "1500"], { netns: "pod" });
    const end = (await link(node, "eth0", "pod")).link_index;
    const links = await node.execJson<{ ifindex: number; ifname: string }[]>("ip", ["-j", "link"]);
    const name = links.find(({ ifindex }) => ifindex === end)?.ifname ?? "";
    await node.exec("ip", ["link", "set", name, "mtu", "1500"]);
    const run = await pingOfSize(node, pods[1]?.addresses[0] ?? "", 1451 - HEADERS[4]);
    expect(run.stdout).toMatch(/[Ff]rag(mentation)? needed.*mtu ?= ?1450/);
  });
});
