import { describe, expect, test } from "vitest";
import { canRun, createOutside, seenAddress, startEcho } from "../../helpers/index.ts";
import { link } from "../attachment/witness.ts";
import { Host, hostLocal, type Keys, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

const four = "10.1.0.50";
const six = "fd00:1::50";
const asked = { args: { cni: { ips: [four, six] } } };
const config = network({ isDefaultGateway: true, ipMasq: true, ipam: hostLocal([subnet4, subnet6]) });

/** One packet, and one answer: nobody gets a second chance to find the neighbour. */
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

const owners: [string, Keys, Keys][] = [
  ["a made up MAC address each", asked, asked],
  ["another MAC address", macOf("02:00:00:00:00:01"), macOf("02:00:00:00:00:02")],
];

describe.runIf(canRun(...programs))("an address that goes from one container to another", () => {
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
      for (const place of ["friend", undefined]) {
        for (const address of [four, six])
          expect(await isReachedAtOnce(host, address, place), `${place} ${address}`).toBe(true);
      }
    },
  );

  test("is announced to a neighbour that remembers the old MAC address for good measure", async () => {
    await using host = await Host.create();
    const [pod, friend] = await host.pods("next", "friend");
    await host.add(friend, config);
    const stale = "02:00:00:00:00:dd";
    // Never asked again within the test unless the neighbour is told: the entry counts as confirmed just now.
    for (const address of [four, six]) {
      const args = ["neigh", "add", address, "lladdr", stale, "dev", "eth0", "nud", "reachable"];
      await host.node.exec("ip", args, { netns: "friend" });
    }
    await host.add(pod, { ...config, ...asked });
    const mac = (await link(host.node, "eth0", "next")).address;
    const known = await host.node.execJson<{ dst: string; lladdr: string }[]>("ip", ["-j", "neigh"], {
      netns: "friend",
    });
    for (const address of [four, six]) expect(known.find(({ dst }) => dst === address)?.lladdr).toBe(mac);
  });

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
