import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { Host, l2Network, network, type Pod, programs } from "./host.ts";

const config = network({ isGateway: true, macspoofchk: true });
const gateway = "10.1.0.1";

const setMac = (host: Host, pod: Pod, mac: string) =>
  host.node.exec("ip", ["link", "set", pod.ifname, "address", mac], { netns: pod.name });

const reachesGateway = (host: Host, pod: Pod) => ping(host.node, gateway, { netns: pod.name, seconds: 2 });

describe.runIf(canRun(...programs))("macspoofchk", () => {
  test("lets only the container's own MAC address through, no invented one and no other container's", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const own = (await host.add(a, config)).interfaces[2].mac;
    const others = (await host.add(b, config)).interfaces[2].mac;
    expect(await reachesGateway(host, a)).toBe(true);
    for (const forged of ["02:00:00:00:be:ef", others]) {
      await setMac(host, a, forged);
      expect(await reachesGateway(host, a)).toBe(false);
    }
    await setMac(host, a, own);
    expect(await reachesGateway(host, a)).toBe(true);
    expect(await reachesGateway(host, b)).toBe(true);
  });

  test("goes by the MAC address that was asked for", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.add(pod, { ...config, runtimeConfig: { mac: "02:00:00:00:00:55" } });
    expect(await reachesGateway(host, pod)).toBe(true);
    await setMac(host, pod, "02:00:00:00:00:56");
    expect(await reachesGateway(host, pod)).toBe(false);
  });

  test("leaves containers on the same bridge alone whose network does not ask for it", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, config);
    await host.add(b, { ...config, macspoofchk: false });
    await setMac(host, b, "02:00:00:00:be:ef");
    expect(await reachesGateway(host, b)).toBe(true);
  });

  test("guards each interface of a container by itself: one going leaves the other guarded", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const second = { ...pod, ifname: "eth1" };
    const result = await host.add(pod, config);
    await host.add(second, { ...config, name: "two", bridge: "br2", ipam: {} });
    await host.del(second, { ...config, name: "two", bridge: "br2", ipam: {} });
    await host.check(pod, config, result);
    await setMac(host, pod, "02:00:00:00:be:ef");
    expect(await reachesGateway(host, pod)).toBe(false);
  });

  test("works on a network without addresses", async () => {
    await using host = await Host.create();
    const guarded = l2Network({ macspoofchk: true });
    for (const [index, pod] of (await host.pods("a", "b")).entries()) {
      await host.add(pod, guarded);
      const args = ["address", "add", `10.8.0.${index + 1}/24`, "dev", "eth0"];
      await host.node.exec("ip", args, { netns: pod.name });
    }
    expect(await ping(host.node, "10.8.0.2", { netns: "a", seconds: 2 })).toBe(true);
    await host.node.exec("ip", ["link", "set", "eth0", "address", "02:00:00:00:be:ef"], { netns: "a" });
    expect(await ping(host.node, "10.8.0.2", { netns: "a", seconds: 2 })).toBe(false);
  });

  test("is gone after DEL, with the namespace gone before, and a later container is not held to it", async () => {
    await using host = await Host.create();
    await host.warmUp(config);
    const before = await hostState(host.node);
    const pod = await host.pod("a");
    await host.add(pod, config);
    await host.node.deleteNetns("a");
    await host.del(pod, { ...config, macspoofchk: false });
    expect(await hostState(host.node)).toEqual(before);
    const again = await host.pod("a");
    await host.add(again, { ...config, macspoofchk: false });
    await setMac(host, again, "02:00:00:00:be:ef");
    expect(await reachesGateway(host, again)).toBe(true);
  });
});
