import { describe, expect, test } from "vitest";
import { canRun, createOutside, seenAddress, startEcho } from "../../helpers/index.ts";
import { Host, hostLocal, type Keys, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

const four = "10.1.0.50";
const six = "fd00:1::50";
const asked = { args: { cni: { ips: [four, six] } } };
const config = network({ isDefaultGateway: true, ipMasq: true, ipam: hostLocal([subnet4, subnet6]) });

/** One packet, and one answer: there is no second chance to find the neighbour. */
const isReachedAtOnce = async (host: Host, address: string, netns?: string): Promise<boolean> => {
  const options = { reject: false, ...(netns === undefined ? {} : { netns }) };
  return (await host.node.exec("ping", ["-n", "-c", "1", "-W", "1", address], options)).exitCode === 0;
};

/** Has everybody who may ask learn the way to the addresses. */
const learn = async (host: Host, places: readonly (string | undefined)[]) => {
  for (const place of places) {
    for (const address of [four, six]) {
      await expect.poll(() => isReachedAtOnce(host, address, place), { timeout: 10_000 }).toBe(true);
    }
  }
};

const macOf = (mac: string): Keys => ({ ...asked, runtimeConfig: { mac } });

/** The IPv6 address beside another IPv4 address, from which the MAC address follows. */
const besides = (ip: string): Keys => ({ args: { cni: { ips: [ip, six] } } });

const owners: [string, Keys, Keys][] = [
  ["a made up MAC address each", asked, asked],
  ["another MAC address", macOf("02:00:00:00:00:01"), macOf("02:00:00:00:00:02")],
  ["one that was asked for, then a made up one", macOf("02:00:00:00:00:01"), asked],
  ["a made up one, then one that was asked for", asked, macOf("02:00:00:00:00:01")],
];

/** Makes a neighbour sure of a wrong MAC address: it does not ask again within a test. */
const mislead = async (host: Host, netns: string, wanted: readonly string[]) => {
  for (const address of wanted) {
    const args = ["neigh", "replace", address, "lladdr", "02:00:00:00:00:dd", "dev", "eth0"];
    await host.node.exec("ip", [...args, "nud", "reachable"], { netns });
  }
};

const known = async (host: Host, netns: string, address: string): Promise<string | undefined> => {
  const all = await host.node.execJson<{ dst: string; lladdr?: string }[]>("ip", ["-j", "neigh"], { netns });
  return all.find(({ dst }) => dst === address)?.lladdr;
};

/** Beside these, the bridge may have been there before, or be told to have everything announced. */
const bridges: [string, string][] = [
  ["a bridge that was there before", "ip link add br0 type bridge; ip link set br0 up"],
  ["a bridge with a name in words", "ip link add br0 alias lan type bridge; ip link set br0 up"],
  [
    "a bridge of ours on which an operator wants it",
    "sysctl -w net.ipv4.conf.br0.arp_notify=1 net.ipv6.conf.br0.ndisc_notify=1",
  ],
];

describe.runIf(canRun(...programs))("an address that goes from one container to another", () => {
  const areReached = async (
    host: Host,
    places: readonly (string | undefined)[],
    wanted: readonly string[],
  ) => {
    for (const place of places) {
      for (const address of wanted)
        expect(await isReachedAtOnce(host, address, place), `${place} ${address}`).toBe(true);
    }
  };

  test.each(owners)(
    "is reached at once by other containers and by the host: %s",
    async (_kind, first, second) => {
      await using host = await Host.create();
      const [old, next, friend] = await host.pods("old", "next", "friend");
      await host.add(friend, config);
      await host.add(old, { ...config, ...first });
      await learn(host, ["friend", undefined]);
      await host.del(old, config);
      await host.add(next, { ...config, ...second });
      await areReached(host, ["friend", undefined], [four, six]);
    },
  );

  test("is reached at once with another address beside it: the MAC address follows from that", async () => {
    await using host = await Host.create();
    const [old, next, friend] = await host.pods("old", "next", "friend");
    await host.add(friend, config);
    await host.add(old, { ...config, ...besides("10.1.0.60") });
    await expect.poll(() => isReachedAtOnce(host, six, "friend"), { timeout: 10_000 }).toBe(true);
    await host.del(old, config);
    await host.add(next, { ...config, ...besides("10.1.0.70") });
    await areReached(host, ["friend"], [six]);
  });

  test("is reached at once when a later plugin, or the reference, gave the first one another MAC address", async () => {
    await using host = await Host.create();
    const [old, next, friend] = await host.pods("old", "next", "friend");
    await host.add(friend, config);
    const result = await host.add(old, { ...config, ...asked });
    const mac = "02:00:00:00:00:03";
    await host.node.exec("ip", ["link", "set", "eth0", "address", mac], { netns: "old" });
    await learn(host, ["friend"]);
    for (const address of [four, six]) expect(await known(host, "friend", address)).toBe(mac);
    const [bridge, port, inside] = result.interfaces;
    const interfaces = [bridge, port, { ...inside, mac: mac.toUpperCase() }];
    await host.del(old, { ...config, prevResult: { ...result, interfaces } });
    await host.add(next, { ...config, ...asked });
    await areReached(host, ["friend"], [four, six]);
  });

  test.each(bridges)(
    "is announced to neighbours that remember another MAC address: %s",
    async (_kind, command) => {
      await using host = await Host.create();
      const [pod, friend] = await host.pods("next", "friend");
      if (command.startsWith("ip")) await host.node.exec("sh", ["-ec", command]);
      await host.add(friend, config);
      if (!command.startsWith("ip")) await host.node.exec("sh", ["-ec", command]);
      await mislead(host, "friend", [four, six]);
      const mac = (await host.add(pod, { ...config, ...asked })).interfaces[2].mac;
      // The kernel sends the announcement of an IPv6 address from a work queue.
      for (const address of [four, six]) await expect.poll(() => known(host, "friend", address)).toBe(mac);
    },
  );

  test("keeps working for connections through NAT", async () => {
    await using host = await Host.create();
    await using outside = await createOutside(host.node);
    await startEcho(outside, 80);
    const [old, next] = await host.pods("old", "next");
    await host.add(old, { ...config, ...asked });
    expect(await seenAddress(host.node, outside.address4, 80, { netns: "old" })).toBe(outside.nodeAddress4);
    await host.del(old, config);
    await host.add(next, { ...config, ...macOf("02:00:00:00:00:02") });
    expect(await seenAddress(host.node, outside.address4, 80, { netns: "next" })).toBe(outside.nodeAddress4);
    expect(await seenAddress(host.node, outside.address6, 80, { netns: "next" })).toBe(outside.nodeAddress6);
  });
});

describe.runIf(canRun(...programs))("a new container", () => {
  test("is reached with the first packet, in both families, by the host and by others", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, config);
    expect(await isReachedAtOnce(host, "10.1.0.2")).toBe(true);
    await host.add(b, config);
    expect(await isReachedAtOnce(host, "fd00:1::3")).toBe(true);
    expect(await isReachedAtOnce(host, "10.1.0.3", "a")).toBe(true);
    expect(await isReachedAtOnce(host, "fd00:1::3", "a")).toBe(true);
  });

  test("is reached with the first packet on a bridge that asks for multicast groups, and forwards by the answers", async () => {
    await using host = await Host.create();
    // Such a bridge relies on answers one response interval after it began to ask: net/bridge/br_multicast.c, delay_time.
    const script =
      "ip link add br0 type bridge mcast_query_response_interval 100; " +
      "ip link set br0 type bridge mcast_querier 1; ip link set br0 up";
    await host.node.exec("sh", ["-ec", script]);
    const six = network({ ipam: hostLocal([subnet6]) });
    const [friend, ...pods] = await host.pods("friend", "a", "b", "c");
    await host.add(friend, six);
    // The interval is one second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    for (const pod of pods) {
      const address = (await host.add(pod, six)).ips[0].address.replace(/\/.*/, "");
      expect(await isReachedAtOnce(host, address, "friend"), pod.name).toBe(true);
    }
  });

  test("of layer 2 passes frames as soon as ADD returns", async () => {
    await using host = await Host.create();
    for (const [index, pod] of (await host.pods("a", "b")).entries()) {
      await host.add(pod, l2Network());
      const args = ["address", "add", `10.8.0.${index + 1}/24`, "dev", "eth0"];
      await host.node.exec("ip", args, { netns: pod.name });
    }
    expect(await isReachedAtOnce(host, "10.8.0.2", "a")).toBe(true);
  });
});
