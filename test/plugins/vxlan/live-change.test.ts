/** A configuration that is changed while pods talk: not one packet is lost, and none comes twice. */
import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { link } from "../attachment/kernel-state.ts";
import {
  type AttachedPod,
  attach,
  attachEverywhere,
  createWorld,
  fdbOf,
  guardOf,
  type Keys,
  networkOf,
  overlayOf,
  programs,
  type World,
} from "./world.ts";

type Mode = keyof typeof networkOf;

/** Pings from one pod to another, fifty a second, while `work` runs. Returns the numbers of the answers, in order. */
async function answersDuring(from: AttachedPod, to: AttachedPod, work: () => Promise<void>) {
  const { node } = from.host;
  const [target = ""] = to.addresses;
  expect(await ping(node, target, { netns: from.name })).toBe(true);
  await using running = node.start("ping", ["-n", "-i", "0.02", target], { netns: from.name });
  await work();
  // What comes after the last change counts too.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { stdout } = await running.stop("SIGINT");
  return Array.from(stdout.matchAll(/bytes from .*icmp_seq=(\d+)/g), ([, number]) => Number(number));
}

function expectAll(answers: readonly number[]): void {
  expect(answers.length).toBeGreaterThan(25);
  expect(answers).toEqual(Array.from(answers, (_, index) => index + 1));
}

interface Peers {
  readonly discovery: { readonly peers: readonly Keys[] };
}
const peersIn = (config: Keys) => (config as unknown as Peers).discovery.peers;
const withPeers = (config: Keys, peers: readonly Keys[]) => ({
  ...config,
  discovery: { type: "static", peers },
});

/** A pod comes and goes: the ADD is what brings the overlay to the configuration. */
async function apply(world: World, index: number, config: Keys): Promise<void> {
  const host = world.host(index);
  const pod = await attach(host, "visitor", config);
  await host.del(pod, config);
  await host.node.deleteNetns("visitor");
}

describe.runIf(canRun(...programs))("pods of another node stay in touch", () => {
  test.each(["l2", "l3"] as const)("while peers come and go (%s)", async (mode: Mode) => {
    await using world = await createWorld(3);
    const network = (index: number) => networkOf[mode](world, index);
    const [one, two] = (await attachEverywhere(world, network)) as [AttachedPod, AttachedPod];
    const full = await overlayOf(world.host(0).node);
    const [first, second] = peersIn(network(0)) as [Keys, Keys];
    expectAll(
      await answersDuring(one, two, async () => {
        await apply(world, 0, withPeers(network(0), [first]));
        expect((await overlayOf(world.host(0).node)).guard).toEqual(["192.0.2.2"]);
        await apply(world, 0, withPeers(network(0), [second, first]));
        expect(await overlayOf(world.host(0).node)).toEqual(full);
      }),
    );
  });

  test.each(["l2", "l3"] as const)("while all else that may change does (%s)", async (mode: Mode) => {
    await using world = await createWorld(2);
    const network = (index: number, keys: Keys = {}) => networkOf[mode](world, index, keys);
    const [one, two] = (await attachEverywhere(world, network)) as [AttachedPod, AttachedPod];
    const { node } = world.host(0);
    const { ifindex } = await link(node, "vx100");
    const others: Keys[] = [{ mtu: 1400 }, { ttl: 9 }, { guard: false }, {}];
    if (mode === "l2") others.push({ l2: { ageing: 60, arp: "suppress" }, df: "inherit" }, {});
    expectAll(
      await answersDuring(one, two, async () => {
        for (const keys of others) await apply(world, 0, network(0, keys));
      }),
    );
    expect(await link(node, "vx100")).toMatchObject({ ifindex, mtu: 1450 });
    await apply(world, 0, network(0, { mtu: 1400 }));
    expect((await link(node, "vx100")).mtu).toBe(1400);
    expect((await link(node, "eth0", "pod")).mtu).toBe(1450);
  });

  test.each(["l2", "l3"] as const)("while the node gets another address (%s)", async (mode: Mode) => {
    await using world = await createWorld(2);
    // Derived from the address, it would change with it, and the peer would send to the old one until its configuration changes.
    const mac = mode === "l3" ? { mac: "02:00:00:00:01:01" } : {};
    const network = (local: string) => networkOf[mode](world, 0, { underlay: { local }, ...mac });
    const remote = (...vteps: string[]) => {
      const config = networkOf[mode](world, 1);
      const [known] = peersIn(config) as [Keys];
      const [current, next] = vteps;
      return withPeers(config, [
        { ...known, ...mac, vtep: current },
        ...(next === undefined ? [] : [{ vtep: next }]),
      ]);
    };
    const one = await attach(world.host(0), "pod", network("192.0.2.1"));
    const two = await attach(world.host(1), "pod", remote("192.0.2.1"));
    const { node } = world.host(0);
    const { ifindex } = await link(node, "vx100");
    expectAll(
      await answersDuring(one, two, async () => {
        await node.exec("ip", "address add 192.0.2.11/24 dev eth0".split(" "));
        // The peer lets packets from the new address in, then they come from it, then they go to it.
        await apply(world, 1, remote("192.0.2.1", "192.0.2.11"));
        await apply(world, 0, network("192.0.2.11"));
        await apply(world, 1, remote("192.0.2.11"));
      }),
    );
    expect((await link(node, "vx100")).ifindex).toBe(ifindex);
    expect(await guardOf(world.host(1).node)).toEqual(["192.0.2.11"]);
    expect(await fdbOf(world.host(1).node)).toEqual([
      `${mode === "l3" ? mac.mac : "00:00:00:00:00:00"} 192.0.2.11`,
    ]);
    await node.exec("sysctl", ["-qw", "net.ipv4.conf.eth0.promote_secondaries=1"]);
    await node.exec("ip", "address delete 192.0.2.1/24 dev eth0".split(" "));
    expect(await ping(node, two.addresses[0] ?? "", { netns: "pod" })).toBe(true);
    expect(await ping(world.host(1).node, one.addresses[0] ?? "", { netns: "pod" })).toBe(true);
  });
});
