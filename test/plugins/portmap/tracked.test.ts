import { describe, expect, test } from "vitest";
import { canRun, seenByUdp, startEcho, startUdpEcho } from "../../helpers/index.ts";
import { addressesOf, backends, bridgeConfig, PortHost, programs } from "./host.ts";

const mapping = { hostPort: 5353, containerPort: 53, protocol: "udp" };
const from = 4000;

describe.runIf(canRun(...programs)).each(backends)("connections the kernel knows already (%s)", (backend) => {
  const families = [
    {
      family: 4,
      address: (host: PortHost) => host.outside.nodeAddress4,
      self: (host: PortHost) => host.outside.address4,
    },
    {
      family: 6,
      address: (host: PortHost) => host.outside.nodeAddress6,
      self: (host: PortHost) => host.outside.address6,
    },
  ];

  const tracked = async (host: PortHost, ...filter: string[]) =>
    (await host.node.exec("conntrack", ["-L", ...filter], { reject: false })).stdout
      .split("\n")
      .filter((line) => line.includes("src="));

  test.each(families)(
    "lead to the container after ADD: a UDP client that asked before gets answers (IPv$family)",
    async ({ address, self }) => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      await startUdpEcho(host.node, 53, "a");
      // Rules look at connections only where the kernel tracks them.
      await host.node.exec("sh", [
        "-ec",
        "iptables -t nat -A OUTPUT -j RETURN; ip6tables -t nat -A OUTPUT -j RETURN",
      ]);
      const options = { from, milliseconds: 500 };
      expect(await seenByUdp(host.outside, address(host), 5353, options)).toBeUndefined();
      await host.portmap.add(pod, host.config([mapping], result));
      expect(await seenByUdp(host.outside, address(host), 5353, { from })).toBe(self(host));
    },
  );

  test.each(families)(
    "lead to the next container, and not to the last one (IPv$family)",
    async ({ address, self }) => {
      await using host = await PortHost.create(backend);
      const [a, b] = await host.bridge.pods("a", "b");
      await host.attach(a, [mapping]);
      await startUdpEcho(host.node, 53, "a");
      expect(await seenByUdp(host.outside, address(host), 5353, { from })).toBe(self(host));
      await host.detach(a);
      expect(await tracked(host, "-p", "udp", "--orig-port-dst", "5353")).toEqual([]);
      expect(await seenByUdp(host.outside, address(host), 5353, { from, milliseconds: 500 })).toBeUndefined();
      await host.attach(b, [mapping]);
      await startUdpEcho(host.node, 53, "b");
      expect(await seenByUdp(host.outside, address(host), 5353, { from })).toBe(self(host));
    },
  );

  test("to one address stay when another container gets the port of all addresses", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    const address = "203.0.113.9";
    await host.node.exec("ip", ["address", "add", `${address}/24`, "dev", host.outside.uplink]);
    await host.attach(a, [{ ...mapping, hostIP: address }]);
    await startUdpEcho(host.node, 53, "a");
    expect(await seenByUdp(host.outside, address, 5353, { from })).toBe(host.outside.address4);
    const before = await tracked(host, "-o", "id", "-p", "udp", "--orig-port-dst", "5353");
    const numbers = (lines: readonly string[]) => lines.map((line) => /id=\d+/.exec(line)?.[0]);
    expect(before).toHaveLength(1);
    await host.attach(b, [mapping]);
    const after = await tracked(host, "-o", "id", "-p", "udp", "--orig-port-dst", "5353");
    expect(numbers(after)).toEqual(numbers(before));
  });

  test("to other machines, and through the node, stay though they have the port", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    const { v4 } = addressesOf(await host.attach(b, [{ hostPort: 1, containerPort: 1 }]));
    await host.outside.exec("ip", ["route", "add", "10.1.0.0/24", "via", host.outside.nodeAddress4]);
    await startUdpEcho(host.outside, 5353);
    await startUdpEcho(host.node, 5353, "b");
    await startEcho(host.node, 8080);
    expect(await seenByUdp(host.node, host.outside.address4, 5353, { from })).toBeDefined();
    expect(await seenByUdp(host.outside, v4, 5353, { from })).toBeDefined();
    // A TCP connection of the node itself: not translated, and not disturbed.
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBeDefined();
    const before = await tracked(host, "-p", "udp", "--orig-port-dst", "5353");
    expect(before).toHaveLength(2);
    const tcp = await tracked(host, "-p", "tcp", "--orig-port-dst", "8080");
    expect(tcp).toHaveLength(1);
    await host.attach(a, [mapping, { hostPort: 8080, containerPort: 80 }]);
    const names = (lines: readonly string[]) =>
      lines.map((line) => /src=.*?dport=\d+/.exec(line)?.[0]).sort();
    expect(names(await tracked(host, "-p", "udp", "--orig-port-dst", "5353"))).toEqual(names(before));
    expect(names(await tracked(host, "-p", "tcp", "--orig-port-dst", "8080"))).toEqual(names(tcp));
    await host.detach(a);
    expect(names(await tracked(host, "-p", "udp", "--orig-port-dst", "5353"))).toEqual(names(before));
  });

  test("over TCP are forgotten by DEL, but for those straight to the container", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    const { v4 } = addressesOf(await host.attach(pod, [{ hostPort: 80, containerPort: 80 }]));
    await host.outside.exec("ip", ["route", "add", "10.1.0.0/24", "via", host.outside.nodeAddress4]);
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 80)).toBeDefined();
    expect(await host.fromOutside(v4, 80)).toBeDefined();
    expect(await tracked(host, "-p", "tcp", "--orig-port-dst", "80")).toHaveLength(2);
    await host.detach(pod);
    const left = await tracked(host, "-p", "tcp", "--orig-port-dst", "80");
    expect(left.map((line) => /dst=(\S+)/.exec(line)?.[1])).toEqual([v4]);
  });

  test("stay where a repeated ADD leads them, and are forgotten where it does not", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    const dns = { hostPort: 5354, containerPort: 54, protocol: "udp" };
    const result = await host.bridge.add(pod, bridgeConfig());
    await host.portmap.add(pod, host.config([mapping, dns], result));
    await startUdpEcho(host.node, 53, "a");
    await startUdpEcho(host.node, 54, "a");
    const ask = (port: number, source: number) =>
      seenByUdp(host.outside, host.outside.nodeAddress4, port, { from: source });
    expect(await ask(5353, from)).toBe(host.outside.address4);
    expect(await ask(5354, from + 1)).toBe(host.outside.address4);
    const entries = (port: number) => tracked(host, "-o", "id", "-p", "udp", "--orig-port-dst", `${port}`);
    const numbers = (lines: readonly string[]) => lines.map((line) => /id=\d+/.exec(line)?.[0]);
    const before = numbers(await entries(5353));
    expect(before).toHaveLength(1);
    expect(await entries(5354)).toHaveLength(1);
    await host.portmap.add(pod, host.config([mapping], result));
    expect(numbers(await entries(5353))).toEqual(before);
    expect(await entries(5354)).toEqual([]);
  });

  test("of very many ports are forgotten by DEL too", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    const many = Array.from({ length: 20 }, (_, index) => ({ ...mapping, hostPort: 5353 + index }));
    await host.attach(pod, many);
    await startUdpEcho(host.node, 53, "a");
    expect(await seenByUdp(host.outside, host.outside.nodeAddress4, 5360, { from })).toBe(
      host.outside.address4,
    );
    expect(await tracked(host, "-p", "udp", "--orig-port-dst", "5360")).toHaveLength(1);
    await host.detach(pod);
    expect(await tracked(host, "-p", "udp", "--orig-port-dst", "5360")).toEqual([]);
  });
});
