import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/concurrent.ts";
import { addresses, hostState, links, ports, reservations } from "../attachment/kernel-state.ts";
import { everything } from "./everything.ts";
import {
  Host,
  hostLocal,
  type Keys,
  l2Network,
  network,
  programs,
  subnet4,
  subnet6,
  succeeded,
} from "./host.ts";

const count = 100;
const limit = 300_000;

const networks: [string, Keys][] = [
  ["with a gateway", network({ isGateway: true, ipam: hostLocal([subnet4, subnet6]) })],
  ["with masquerade and spoof check", everything],
];

interface WithIps {
  readonly ips: readonly { readonly address: string }[];
}

describe.runIf(canRun(...programs))(`${count} parallel ADDs on a clean host`, () => {
  test.each(networks)(
    "%s: distinct addresses, one bridge, no error; then as many DELs leave nothing",
    async (_kind, config) => {
      await using host = await Host.create();
      const pods = await makePods(host, count);
      const runs = await Promise.all(pods.map((pod) => host.call("ADD", pod, config)));
      const results = runs.map((run) => succeeded(run).json as WithIps);
      for (const family of [0, 1]) {
        const given = results.map(({ ips }) => ips[family]?.address);
        expect(new Set(given).size).toBe(count);
      }
      const bridges = (await links(host.node)).filter(({ linkinfo }) => linkinfo?.info_kind === "bridge");
      expect(bridges.map(({ ifname, ifalias }) => [ifname, ifalias])).toEqual([["br0", "podwire bridge"]]);
      expect(await ports(host.node, "br0")).toHaveLength(count);
      expect(await addresses(host.node, "br0")).toEqual(["10.1.0.1/24", "fd00:1::1/64"]);
      await inLanes(pods, 4, (pod, index) => host.check(pod, config, results[index]));
      for (const name of ["pod0", `pod${count - 1}`]) {
        expect(await ping(host.node, "10.1.0.1", { netns: name })).toBe(true);
        expect(await ping(host.node, "fd00:1::1", { netns: name })).toBe(true);
      }
      await Promise.all(pods.map((pod) => host.del(pod, config)));
      expect(await ports(host.node, "br0")).toEqual([]);
      expect(await reservations(host.node)).toEqual([]);
      await expectNoElements(host);
    },
    limit,
  );

  test(
    "on as many networks with a bridge each: each has its own",
    async () => {
      await using host = await Host.create();
      const pods = await makePods(host, 20);
      const configOf = (index: number) => l2Network({ name: `net${index}`, bridge: `br${index}` });
      await Promise.all(pods.map((pod, index) => host.add(pod, configOf(index))));
      for (const index of pods.keys()) expect(await ports(host.node, `br${index}`)).toHaveLength(1);
    },
    limit,
  );
});

/** What netfilter holds for single attachments: none. */
const expectNoElements = async (host: Host): Promise<void> => {
  const { ipsets, nftables } = await hostState(host.node);
  expect(ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
  expect(nftables.filter((line) => line.includes("elements = "))).toEqual([]);
};

describe.runIf(canRun(...programs))("ADDs and DELs all at once", () => {
  test(
    "do not disturb each other, nor the gateway that some of them take",
    async () => {
      await using host = await Host.create();
      const pods = await makePods(host, 40);
      const [early, late] = [pods.slice(0, 20), pods.slice(20)];
      await Promise.all(early.map((pod) => host.add(pod, everything)));
      const [results] = await Promise.all([
        Promise.all(late.map((pod) => host.add(pod, everything))),
        Promise.all(early.map((pod) => host.del(pod, everything))),
      ]);
      await inLanes(late, 4, (pod, index) => host.check(pod, everything, results[index]));
      expect(await ports(host.node, "br0")).toHaveLength(late.length);
      expect(await reservations(host.node)).toHaveLength(2 * late.length);
    },
    limit,
  );

  test(
    "keep the bridge and its gateway for those that succeed, while others fail and take back what they made",
    async () => {
      await using host = await Host.create();
      const pods = await makePods(host, 40);
      // A route whose gateway is out of reach fails ADD at its last steps.
      const bad = {
        ...everything,
        ipam: { ...(everything["ipam"] as Keys), routes: [{ dst: "198.51.100.0/24", gw: "203.0.113.9" }] },
      };
      const isBad = (index: number) => index % 2 === 1;
      const runs = await Promise.all(
        pods.map((pod, index) => host.call("ADD", pod, isBad(index) ? bad : everything)),
      );
      for (const [index, run] of runs.entries()) expect(run.exitCode, run.stdout).toBe(isBad(index) ? 1 : 0);
      const good = pods.filter((_pod, index) => !isBad(index));
      expect(await ports(host.node, "br0")).toHaveLength(good.length);
      expect(await reservations(host.node)).toHaveLength(2 * good.length);
      await inLanes(good, 4, (pod) => host.check(pod, everything, runs[pods.indexOf(pod)]?.json));
    },
    limit,
  );
});
