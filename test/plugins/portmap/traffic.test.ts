import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { addressesOf, backends, PortHost, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };
const gateway = { v4: "10.1.0.1", v6: "fd00:1::1" };

// With br_netfilter the kernel translates while it bridges, and hands frames back only to a hairpin port.
const bridgings = [
  { bridgedPass: 0, hairpinMode: false },
  { bridgedPass: 1, hairpinMode: true },
];

/** Whether bridged packets go through iptables; without the module they never do. */
const passBridged = async (host: PortHost, value: number): Promise<void> => {
  for (const family of ["", "6"]) {
    const key = `net.bridge.bridge-nf-call-ip${family}tables`;
    await host.node.exec("sysctl", ["-qw", `${key}=${value}`], { reject: false });
  }
};

describe.runIf(canRun(...programs)).each(backends)("a forwarded port (%s)", (backend) => {
  test("is reached from another machine, whose address the container sees, in both families", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    await host.attach(pod, [mapping]);
    await startEcho(host.node, 80, "a");
    const { outside } = host;
    expect(await host.fromOutside(outside.nodeAddress4, 8080)).toBe(outside.address4);
    expect(await host.fromOutside(outside.nodeAddress6, 8080)).toBe(outside.address6);
    expect(await host.fromOutside(outside.nodeAddress4, 80, 800)).toBeUndefined();
  });

  test("is reached from the node by its addresses and by 127.0.0.1", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    await host.attach(pod, [mapping]);
    await startEcho(host.node, 80, "a");
    expect(await host.fromNode("127.0.0.1", 8080)).toBe(gateway.v4);
    expect(await host.fromNode(host.outside.nodeAddress4, 8080)).toBeDefined();
    expect(await host.fromNode(host.outside.nodeAddress6, 8080)).toBeDefined();
    expect(await host.fromNode(gateway.v4, 8080)).toBe(gateway.v4);
  });

  test.each(bridgings)(
    "is reached by the container itself and by its neighbour, who are masqueraded ($bridgedPass, $hairpinMode)",
    async ({ bridgedPass, hairpinMode }) => {
      await using host = await PortHost.create(backend);
      await passBridged(host, bridgedPass);
      const [a, b] = await host.bridge.pods("a", "b");
      await host.attach(a, [mapping], {}, { hairpinMode });
      await host.attach(b, []);
      await startEcho(host.node, 80, "a");
      for (const pod of ["a", "b"]) {
        expect(await host.fromNode(host.outside.nodeAddress4, 8080, pod)).toBe(gateway.v4);
        expect(await host.fromNode(host.outside.nodeAddress6, 8080, pod)).toBe(gateway.v6);
        expect(await host.fromNode(gateway.v4, 8080, pod)).toBe(gateway.v4);
      }
    },
  );

  test("with masqAll has all clients seem to be the node", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    await host.attach(pod, [mapping], { masqAll: true });
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(gateway.v4);
    expect(await host.fromOutside(host.outside.nodeAddress6, 8080)).toBe(gateway.v6);
  });

  test("without snat keeps every source address, and leaves 127.0.0.1 alone", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [mapping], { snat: false });
    // Off the bridge's own network: answers to a neighbour on it would not pass the node.
    const other = await host.attach(
      b,
      [],
      { name: "other" },
      { bridge: "br1", ipMasq: false, ipam: { type: "host-local", subnet: "10.9.0.0/24" } },
    );
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    expect(await host.fromNode(host.outside.nodeAddress4, 8080, "b")).toBe(addressesOf(other).v4);
    const { stdout } = await host.node.exec("cat", ["/proc/sys/net/ipv4/conf/br0/route_localnet"]);
    expect(stdout).toBe("0");
    expect(await host.fromNode("127.0.0.1", 8080, undefined, 800)).toBeUndefined();
  });

  test("of one address is that address's only, and comes before one of all addresses", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.node.exec("ip", ["address", "add", "203.0.113.9/24", "dev", host.outside.uplink]);
    await host.attach(a, [mapping]);
    await host.attach(b, [{ hostPort: 8080, containerPort: 81, hostIP: "203.0.113.9" }]);
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    expect(await host.fromOutside("203.0.113.9", 8080, 800)).toBeUndefined();
    await startEcho(host.node, 81, "b");
    expect(await host.fromOutside("203.0.113.9", 8080)).toBe(host.outside.address4);
    await host.detach(b);
    // Now the one of all addresses has it.
    expect(await host.fromOutside("203.0.113.9", 8080)).toBe(host.outside.address4);
  });

  test("of 0.0.0.0 or :: is of that family only", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [{ ...mapping, hostIP: "0.0.0.0" }]);
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    expect(await host.fromOutside(host.outside.nodeAddress6, 8080, 800)).toBeUndefined();
    await host.attach(b, [{ ...mapping, hostIP: "::" }]);
    await startEcho(host.node, 80, "b");
    expect(await host.fromOutside(host.outside.nodeAddress6, 8080)).toBe(host.outside.address6);
  });
});

describe.runIf(canRun(...programs)).each(backends)(
  "beside a container with the other backend (%s)",
  (backend) => {
    test("a container sees other machines' addresses, and localhost as the node", async () => {
      await using host = await PortHost.create(backend);
      const [a, b] = await host.bridge.pods("a", "b");
      const other = backend === "iptables" ? "nftables" : "iptables";
      await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], { backend: other });
      await host.attach(a, [mapping]);
      for (const [pod, port] of [
        ["a", 8080],
        ["b", 8081],
      ] as const) {
        await startEcho(host.node, 80, pod);
        const { outside } = host;
        expect(await host.fromOutside(outside.nodeAddress4, port)).toBe(outside.address4);
        expect(await host.fromOutside(outside.nodeAddress6, port)).toBe(outside.address6);
        expect(await host.fromNode("127.0.0.1", port)).toBe(gateway.v4);
      }
    });

    test.each(bridgings)(
      "containers reach their own ports and each other's ($bridgedPass, $hairpinMode)",
      async ({ bridgedPass, hairpinMode }) => {
        await using host = await PortHost.create(backend);
        await passBridged(host, bridgedPass);
        const [a, b] = await host.bridge.pods("a", "b");
        const other = backend === "iptables" ? "nftables" : "iptables";
        await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], { backend: other }, { hairpinMode });
        await host.attach(a, [mapping], {}, { hairpinMode });
        for (const pod of ["a", "b"]) await startEcho(host.node, 80, pod);
        const { nodeAddress4, nodeAddress6 } = host.outside;
        for (const pod of ["a", "b"]) {
          for (const port of [8080, 8081]) {
            expect(await host.fromNode(nodeAddress4, port, pod)).toBe(gateway.v4);
            expect(await host.fromNode(nodeAddress6, port, pod)).toBe(gateway.v6);
          }
        }
      },
    );
  },
);

describe.runIf(canRun(...programs)).each(backends)(
  "what has the port of a mapping, but not its address (%s)",
  (backend) => {
    test("is left alone: traffic through the node, and from it to others", async () => {
      await using host = await PortHost.create(backend);
      const [a, b] = await host.bridge.pods("a", "b");
      await host.attach(a, [mapping]);
      const { v4 } = addressesOf(await host.attach(b, []));
      await startEcho(host.outside, 8080);
      await startEcho(host.node, 8080, "b");
      await host.outside.exec("ip", ["route", "add", "10.1.0.0/24", "via", host.outside.nodeAddress4]);
      // From outside through the node, from a pod to the outside, from the node to the outside.
      expect(await host.fromOutside(v4, 8080)).toBe(host.outside.address4);
      expect(await host.fromNode(host.outside.address4, 8080, "a")).toBe(host.outside.nodeAddress4);
      expect(await host.fromNode(host.outside.address4, 8080)).toBe(host.outside.nodeAddress4);
    });

    test.each([0, 1])(
      "127.0.0.1 of the node is out of reach for a container, also after a flush of all rules (bridged packets pass: %i)",
      async (bridgedPass) => {
        await using host = await PortHost.create(backend);
        await passBridged(host, bridgedPass);
        const [pod, ...others] = await host.bridge.pods("a", "b", "c", "d");
        const [second, third, fourth] = others;
        await host.attach(pod, [mapping]);
        await host.attach(second, [{ hostPort: 8081, containerPort: 80 }]);
        await startEcho(host.node, 9000);
        await startEcho(host.node, 80, "a");
        expect(await host.fromNode("127.0.0.1", 9000)).toBe("127.0.0.1");
        // The container sends packets to 127.0.0.1 by its gateway.
        await host.node.exec(
          "sh",
          [
            "-ec",
            `sysctl -qw net.ipv4.conf.all.route_localnet=1
       ip address del 127.0.0.1/8 dev lo || true
       ip route replace 127.0.0.1/32 via 10.1.0.1 src 10.1.0.2 table main
       ip rule add from all lookup main pref 0
       ip rule add from all lookup local pref 10`,
          ],
          { netns: "a" },
        );
        const isReached = async () => (await host.fromNode("127.0.0.1", 9000, "a", 1000)) !== undefined;
        const routed = async () =>
          (await host.node.exec("sysctl", ["-n", "net.ipv4.conf.br0.route_localnet"])).stdout;
        const flush = "nft flush ruleset; iptables -t raw -F; iptables -t mangle -F; iptables -t nat -F";
        expect(await isReached()).toBe(false);
        await host.node.exec("sh", ["-ec", flush]);
        expect([await isReached(), await routed()]).toEqual([false, "1"]);
        // The next container brings the ports back; answers to the host pass its guard.
        await host.attach(third, [{ hostPort: 8082, containerPort: 80 }]);
        expect(await host.fromNode("127.0.0.1", 8080)).toBe(gateway.v4);
        await host.node.exec("sh", ["-ec", flush]);
        await host.node.exec("tc", ["qdisc", "del", "dev", "br0", "clsact"]);
        // What the guard is for.
        expect(await isReached()).toBe(true);
        await host.attach(fourth, [{ hostPort: 8083, containerPort: 80 }]);
        await host.node.exec("sh", ["-ec", flush]);
        expect(await isReached()).toBe(false);
        await host.detach(pod);
        expect(await routed()).toBe("1");
        // The first ones know that podwire had switched it on; the last one found it on, without its guard.
        for (const other of others.toReversed()) await host.detach(other);
        expect([await isReached(), await routed()]).toEqual([false, "0"]);
        expect((await host.node.exec("tc", ["filter", "show", "dev", "br0", "ingress"])).stdout).toBe("");
      },
    );

    test("route_localnet stays on where another program has switched it on", async () => {
      await using host = await PortHost.create(backend);
      const [one, two, three] = await host.bridge.pods("a", "b", "c");
      await host.attach(one, []);
      const key = "net.ipv4.conf.br0.route_localnet";
      await host.node.exec("sysctl", ["-qw", `${key}=1`]);
      await host.attach(two, [mapping]);
      await host.attach(three, [{ hostPort: 8081, containerPort: 80 }]);
      await host.detach(two);
      await host.detach(three);
      expect((await host.node.exec("sysctl", ["-n", key])).stdout).toBe("1");
    });
  },
);
