import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostLocal } from "../bridge/host.ts";
import {
  addressesOf,
  backends,
  bridgeConfig,
  type Keys,
  PortHost,
  type PortMapping,
  programs,
  subnet4,
} from "./host.ts";

const web = { hostPort: 8080, containerPort: 80 };

describe.runIf(canRun(...programs)).each(backends)(
  "a container that the reference starts (%s)",
  (backend) => {
    /** Attaches, has CHECK pass, runs `work`, and detaches. Nothing of the container is left on the node afterwards. */
    async function started(
      mappings: readonly PortMapping[],
      bridgeKeys: Keys,
      work: (host: PortHost, pod: { readonly name: string; readonly v4: string }) => Promise<void>,
      keys: Keys = {},
    ): Promise<void> {
      await using host = await PortHost.create(backend);
      await host.warmUp(keys);
      const pod = await host.bridge.pod("a");
      const before = (await host.node.exec("nft", ["list", "ruleset"])).stdout;
      const result = await host.attach(pod, mappings, keys, bridgeKeys);
      await host.check(pod, mappings, result, keys);
      await work(host, { name: pod.name, v4: addressesOf(result).v4 });
      await host.detach(pod, keys);
      await host.bridge.del(pod, bridgeConfig(bridgeKeys));
      const rules = (text: string) => text.split("\n").filter((line) => line.includes("container=a"));
      expect(rules((await host.node.exec("nft", ["list", "ruleset"])).stdout)).toEqual(rules(before));
    }

    test("has the ports of the family that it has, whatever the other one's are", async () => {
      const mappings = ["0.0.0.0", "::", "2001:db8:ffff::2", "::1"].map((hostIP) => ({ ...web, hostIP }));
      await started(mappings, { ipam: hostLocal([subnet4]) }, async (host, pod) => {
        await startEcho(host.node, 80, pod.name);
        expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
      });
    });

    test("has the ports that are left when ::1, which leads to no container, is among them", async () => {
      const mappings = ["::1", "127.0.0.1"].map((hostIP) => ({ ...web, hostIP }));
      await started(mappings, {}, async (host, pod) => {
        await startEcho(host.node, 80, pod.name);
        expect(await host.fromNode("127.0.0.1", 8080)).toBe("10.1.0.1");
        await startEcho(host.node, 8080);
        expect(await host.fromNode("::1", 8080)).toBe("::1");
      });
    });

    test("may have 127.0.0.1 without snat, which then leads nowhere", async () => {
      await started(
        [
          { ...web, hostIP: "127.0.0.1" },
          { ...web, hostPort: 8081 },
        ],
        {},
        async (host, pod) => {
          await startEcho(host.node, 80, pod.name);
          expect(await host.fromOutside(host.outside.nodeAddress4, 8081)).toBe(host.outside.address4);
          expect(await host.fromNode("127.0.0.1", 8080, undefined, 500)).toBeUndefined();
        },
        { snat: false },
      );
    });

    test("asks for a mapping twice, also in other words", async () => {
      const mappings = [web, web, { ...web, protocol: "TCP" }, { ...web, hostIP: "0.0.0.0" }];
      await started(mappings, {}, async (host, pod) => {
        await startEcho(host.node, 80, pod.name);
        expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
      });
    });

    test("asks for a port that leads to two places: the first one counts", async () => {
      const mappings = [web, { ...web, containerPort: 81 }];
      await started(mappings, {}, async (host, pod) => {
        await startEcho(host.node, 80, pod.name);
        expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
      });
    });

    test.each([false, true])(
      "has a port of one address and another of all (reversed: %s)",
      async (isReversed) => {
        await using host = await PortHost.create(backend);
        const pod = await host.bridge.pod("a");
        const mappings = [web, { ...web, containerPort: 81, hostIP: host.outside.nodeAddress4 }];
        const result = await host.attach(pod, isReversed ? mappings.toReversed() : mappings);
        await host.check(pod, mappings, result);
        await startEcho(host.node, 81, pod.name);
        expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
        expect(await host.fromOutside(host.outside.nodeAddress6, 8080, 500)).toBeUndefined();
      },
    );

    test("has no addresses: there is nothing that a port could lead to", async () => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(
        pod,
        bridgeConfig({ ipam: {}, isDefaultGateway: false, ipMasq: false }),
      );
      const before = await host.node.snapshot();
      for (const mappings of [[web], [{ ...web, hostIP: "0.0.0.0" }]]) {
        expect(await host.portmap.add(pod, host.config(mappings, result))).toEqual(result);
        await host.check(pod, mappings, result);
      }
      expect(await host.node.snapshot()).toEqual(before);
      await host.detach(pod);
    });
  },
);

describe.runIf(canRun(...programs))("conditions of a host port with an address of its own (iptables)", () => {
  const nodes = { 4: "nodeAddress4", 6: "nodeAddress6" } as const;

  test.each([
    ["! -d of another network", 4, ["!", "-d", "192.0.2.0/24"], true],
    ["! -d of the same address", 4, ["!", "-d", "NODE"], false],
    ["-d of the same address and another", 4, ["-d", "NODE,198.51.100.77"], true],
    ["-d of another address", 4, ["--destination", "192.0.2.7"], false],
    ["-s of the client", 4, ["-s", "203.0.113.0/24"], true],
    ["! -d in IPv6", 6, ["!", "-d", "2001:db8:9::/64"], true],
    ["-d of another address in IPv6", 6, ["-d", "2001:db8:9::1"], false],
  ] as const)("%s (IPv%d)", async (_, family, words, isForwarded) => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const hostIP = host.outside[nodes[family]];
    const mappings = [{ ...web, hostIP }];
    const key = `conditionsV${family}`;
    const keys = { [key]: words.map((word) => word.replace("NODE", hostIP)) };
    const result = await host.attach(pod, mappings, keys);
    await host.check(pod, mappings, result, keys);
    await startEcho(host.node, 80, pod.name);
    const client = family === 4 ? host.outside.address4 : host.outside.address6;
    const seen = await host.fromOutside(hostIP, 8080, isForwarded ? undefined : 500);
    expect(seen).toBe(isForwarded ? client : undefined);
    await host.detach(pod, keys);
    const saved = await host.node.exec(family === 4 ? "iptables-save" : "ip6tables-save", ["-t", "nat"]);
    expect(saved.stdout).not.toContain("container=a");
  });
});
