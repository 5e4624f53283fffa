import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/concurrent.ts";
import { hostState, links, reservations, sysctl } from "../attachment/kernel-state.ts";
import { everything, Host, network, programs, succeeded } from "./host.ts";

const count = 50;

const vethsOf = async (host: Host) =>
  (await links(host.node)).filter(({ linkinfo }) => linkinfo?.info_kind === "veth");

describe.runIf(canRun(...programs))(`${count} parallel ADDs on a clean host`, () => {
  test("give distinct addresses and no error; then as many DELs leave nothing", async () => {
    await using host = await Host.create();
    const pods = await makePods(host, count);
    const runs = await Promise.all(pods.map((pod) => host.call("ADD", pod, everything)));
    const results = runs.map((run) => succeeded(run).json);
    for (const family of [0, 1]) {
      expect(new Set(results.map(({ ips }) => ips[family].address)).size).toBe(count);
    }
    expect(await vethsOf(host)).toHaveLength(count);
    await inLanes(pods, 4, (pod, index) => host.check(pod, everything, results[index]));
    for (const { address } of results[count - 1].ips) {
      expect(await ping(host.node, address.split("/")[0], { netns: "pod0" })).toBe(true);
    }
    await Promise.all(pods.map((pod) => host.del(pod, everything)));
    expect(await vethsOf(host)).toEqual([]);
    expect(await reservations(host.node)).toEqual([]);
    const { ipsets, routes, addresses } = await hostState(host.node);
    expect(ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
    expect(routes.filter((line) => line.includes("veth"))).toEqual([]);
    expect(addresses.filter((line) => line.includes("veth"))).toEqual([]);
  }, 300_000);

  test("switch forwarding on for every interface, on one clean host after the other", async () => {
    for (let time = 1; time <= 8; time++) {
      await using host = await Host.create();
      const pods = await makePods(host, 20);
      await Promise.all(pods.map((pod) => host.add(pod, network())));
      for (const { ifname } of await vethsOf(host)) {
        for (const family of ["ipv4", "ipv6"]) {
          expect(await sysctl(host.node, `${family}/conf/${ifname}/forwarding`), ifname).toBe("1");
        }
      }
    }
  }, 300_000);

  test("and DELs all at once do not disturb each other", async () => {
    await using host = await Host.create();
    const pods = await makePods(host, 30);
    const [early, late] = [pods.slice(0, 15), pods.slice(15)];
    await Promise.all(early.map((pod) => host.add(pod, everything)));
    const [results] = await Promise.all([
      Promise.all(late.map((pod) => host.add(pod, everything))),
      Promise.all(early.map((pod) => host.del(pod, everything))),
    ]);
    await inLanes(late, 4, (pod, index) => host.check(pod, everything, results[index]));
    expect(await vethsOf(host)).toHaveLength(late.length);
    expect(await reservations(host.node)).toHaveLength(2 * late.length);
  }, 300_000);
});
