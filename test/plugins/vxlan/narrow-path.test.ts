/** A router between the nodes whose links carry less than theirs: no node can know that beforehand. */
import { describe, expect, test } from "vitest";
import { startDigest, transfer } from "../../helpers/bulk.ts";
import { canRun, type Node } from "../../helpers/index.ts";
import { attachEverywhere, createWorld, l2Network, l3Network, programs, type World } from "./world.ts";

const NARROW = 1400;
const overhead = { 4: 50, 6: 70 } as const;
type Family = 4 | 6;

/** Two nodes that think of 1500 bytes, and a router that lets 1400 pass. */
async function createNarrowWorld(usesPathMtu: boolean): Promise<World> {
  const world = await createWorld(2, { isRouted: true });
  const router = world.underlay.middle;
  for (const number of [1, 2]) {
    const routes = [
      `-4 route replace 192.0.${number}.0/24 dev port${number} proto kernel scope link src 192.0.${number}.1`,
      `-6 route replace 2001:db8:${number}::/64 dev port${number} proto kernel metric 256`,
    ];
    for (const route of routes) await router.exec("ip", `${route} mtu lock ${NARROW}`.split(" "));
  }
  for (const { node } of world.hosts)
    await node.exec("sysctl", ["-qw", `net.ipv4.ip_forward_use_pmtu=${usesPathMtu ? 1 : 0}`]);
  return world;
}

const attachPods = (world: World, mode: "l2" | "l3", family: Family, keys: object = {}) =>
  attachEverywhere(world, (index) =>
    mode === "l2"
      ? l2Network(world, index, { ...keys }, family)
      : l3Network(world, index, { ...keys }, { family, families: [4, 6] }),
  );

/** Four full-size packets that must not be fragmented, one after the other. */
const fullSizePings = async (node: Node, address: string, mtu: number) => {
  const args = ["-n", "-c", "4", "-i", "0.3", "-W", "1", "-M", "do", "-s", String(mtu - 28), address];
  const { exitCode, stdout, stderr } = await node.exec("ping", args, { netns: "pod", reject: false });
  return { exitCode, text: `${stdout}\n${stderr}` };
};

const fragmentsOf = async (router: Node) => {
  const { stdout } = await router.exec("nstat", ["-asz", "IpFragCreates"]);
  return Number(/IpFragCreates\s+(\d+)/.exec(stdout)?.[1]);
};

async function expectTransfers(world: World, addresses: readonly string[], mtu: number): Promise<void> {
  const { node } = world.host(0);
  await using _server = await startDigest(world.host(1).node, 9000, "pod");
  for (const address of addresses) {
    const size = mtu - (address.includes(":") ? 48 : 28);
    for (const [kind, bytes] of [
      ["stream", 2_000_000],
      ["datagram", size],
    ] as const) {
      const { sent, received } = await transfer(node, kind, address, { port: 9000, bytes, netns: "pod" });
      expect(sent).toMatch(new RegExp(`^${bytes} `));
      expect(received).toBe(sent);
    }
  }
}

describe.runIf(canRun("nstat", ...programs))("a router with a smaller MTU between the nodes", () => {
  test.each(["l2", "l3"] as const)(
    "takes the outer packets apart, of which pods notice nothing: %s",
    async (mode) => {
      await using world = await createNarrowWorld(false);
      const [, two] = await attachPods(world, mode, 4);
      const addresses = two?.addresses ?? [];
      const { exitCode, text } = await fullSizePings(world.host(0).node, addresses[0] ?? "", 1450);
      expect(text).toContain(" 0% packet loss");
      expect(exitCode).toBe(0);
      await expectTransfers(world, addresses, 1450);
      expect(await fragmentsOf(world.underlay.middle)).toBeGreaterThan(0);
    },
  );

  test.each([
    ["l2", 4, "set"],
    ["l2", 4, "inherit"],
    ["l3", 4, "set"],
    ["l3", 4, "inherit"],
    // Routers never fragment IPv6.
    ["l2", 6, "unset"],
    ["l3", 6, "unset"],
  ] as const)(
    "is sent to the pods where packets must not be fragmented: %s over IPv%s, df %s",
    async (mode, family, df) => {
      // As the mode l3 asks for; in the mode l2 the bridge sends the error, whatever this says.
      await using world = await createNarrowWorld(mode === "l3");
      const [, two] = await attachPods(world, mode, family, { df });
      const addresses = two?.addresses ?? [];
      const mtu = 1500 - overhead[family];
      const { text } = await fullSizePings(world.host(0).node, addresses[0] ?? "", mtu);
      expect(text).toMatch(`Frag needed and DF set (mtu = ${NARROW - overhead[family]})`);
      expect(text).toMatch(`message too long, mtu=${NARROW - overhead[family]}`);
      await expectTransfers(world, addresses, mtu);
      expect(await fragmentsOf(world.underlay.middle)).toBe(0);
    },
  );

  test("swallows what IPv4 pods send over IPv6, unless the node uses the path MTU or the MTU is given", async () => {
    await using world = await createNarrowWorld(false);
    const [, two] = await attachPods(world, "l3", 6);
    const { node } = world.host(0);
    const target = two?.addresses[0] ?? "";
    expect((await fullSizePings(node, target, 1430)).text).toContain("100% packet loss");
    await node.exec("sysctl", ["-qw", "net.ipv4.ip_forward_use_pmtu=1"]);
    expect((await fullSizePings(node, target, 1430)).text).toMatch("(mtu = 1330)");
    await using other = await createNarrowWorld(false);
    const pods = await attachPods(other, "l3", 6, { mtu: 1330 });
    await expectTransfers(other, pods[1]?.addresses ?? [], 1330);
  });
});
