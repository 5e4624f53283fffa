import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { backends, bridgeConfig, failed, PortHost, programs, subnet4 } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };
const udp = { hostPort: 5353, containerPort: 53, protocol: "UDP" };
const conflict = 7;

describe.runIf(canRun(...programs)).each(backends)("DEL (%s)", (backend) => {
  test("leaves what was before, with nothing but the attachment's name; repeated, and after nothing, too", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const pod = await host.bridge.pod("a");
    const prevResult = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    await host.portmap.add(pod, host.config([mapping, udp], prevResult));
    expect(await hostState(host.node)).not.toEqual(before);
    for (let times = 0; times < 2; times++) {
      await host.detach(pod);
      expect(await hostState(host.node)).toEqual(before);
    }
  });

  test("finds everything without its records", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    await host.portmap.add(pod, host.config([mapping, udp], result));
    await host.node.exec("sh", ["-ec", "rm -r /run/podwire/filter/*/[!l]*"]);
    await host.detach(pod);
    const { files, ...rest } = await hostState(host.node);
    expect({ ...rest, files: [] }).toEqual({ ...before, files: [] });
    expect(files.filter((file) => /\.portmap: |reservations\/(?!address-interface)/.test(file))).toEqual([]);
  });

  test("finds the rules where the record cannot be read", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    await host.portmap.add(pod, host.config([mapping, udp], result));
    await host.node.exec("sh", [
      "-ec",
      "for file in /run/podwire/filter/*/records/*.portmap; do echo '{' > $file; done",
    ]);
    await host.detach(pod);
    const { files, ...rest } = await hostState(host.node);
    expect({ ...rest, files: [] }).toEqual({ ...before, files: [] });
    expect(files.filter((file) => /\.portmap: |reservations\/(?!address-interface)/.test(file))).toEqual([]);
  });

  test("takes away its own network's and its own interface's ports only", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    const second = { ...pod, ifname: "eth1" };
    const other = { name: "other" };
    await host.attach(pod, [mapping]);
    await host.attach(
      second,
      [{ hostPort: 8081, containerPort: 80 }],
      {},
      { isDefaultGateway: false, isGateway: true },
    );
    const third = { ...pod, ifname: "eth2" };
    await host.attach(third, [{ hostPort: 8082, containerPort: 80 }], other, {
      bridge: "br1",
      isDefaultGateway: false,
      isGateway: true,
      ipam: { type: "host-local", subnet: "10.9.0.0/24" },
    });
    await startEcho(host.node, 80, "a");
    const answers = async () =>
      Promise.all(
        [8080, 8081, 8082].map(
          async (port) => (await host.fromOutside(host.outside.nodeAddress4, port, 1500)) !== undefined,
        ),
      );
    expect(await answers()).toEqual([true, true, true]);
    await host.detach(second);
    expect(await answers()).toEqual([true, false, true]);
    await host.detach(third, other);
    expect(await answers()).toEqual([true, false, false]);
  });
});

describe.runIf(canRun(...programs)).each(backends)("ADD (%s)", (backend) => {
  test("repeated replaces what the owner had", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    await host.portmap.add(pod, host.config([mapping, udp], result));
    const changed = [{ ...mapping, containerPort: 81 }];
    await host.portmap.add(pod, host.config(changed, result));
    const once = await hostState(host.node);
    // Nothing stays of a family that is no longer asked for.
    const single = [{ ...mapping, hostIP: "0.0.0.0" }];
    await host.portmap.add(pod, host.config(single, result));
    expect((await hostState(host.node)).ip6tables.filter((line) => line.includes("PODWIRE-DN"))).toEqual([]);
    await host.check(pod, single, result);
    await host.portmap.add(pod, host.config(changed, result));
    expect(await hostState(host.node)).toEqual(once);
    await host.portmap.add(pod, host.config(changed, result));
    expect(await hostState(host.node)).toEqual(once);
    await host.check(pod, changed, result);
    const server = await startEcho(host.node, 81, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    await server.stop();
    await host.detach(pod);
    expect(await hostState(host.node)).toEqual(before);
  });

  test("repeated without ports releases what the owner had", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const [pod, other] = await host.bridge.pods("a", "b");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    for (const mappings of [undefined, []]) {
      await host.portmap.add(pod, host.config([mapping, udp], result));
      expect(await hostState(host.node)).not.toEqual(before);
      expect(await host.portmap.add(pod, host.config(mappings, result))).toEqual(result);
      expect(await hostState(host.node)).toEqual(before);
    }
    await host.attach(other, [mapping]);
  });

  test("of a port that a living container has is refused, and says whose it is", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [mapping]);
    const result = await host.bridge.add(b, bridgeConfig());
    const before = await hostState(host.node);
    const run = await host.portmap.call(
      "ADD",
      b,
      host.config([{ hostPort: 9090, containerPort: 1 }, mapping], result),
    );
    failed(run, conflict, /tcp port 8080.*eth0.*id-a.*net.*another host port/);
    expect(await hostState(host.node)).toEqual(before);
    // Another protocol, another address: no conflict.
    await host.portmap.add(
      b,
      host.config(
        [
          { ...mapping, protocol: "udp" },
          { ...mapping, hostIP: "203.0.113.2" },
        ],
        result,
      ),
    );
  });

  test("of a port whose owner is gone takes it over, and a late DEL of that one does no harm", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [mapping, udp]);
    await host.node.deleteNetns("a");
    await host.attach(b, [mapping]);
    await startEcho(host.node, 80, "b");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    await host.detach(a);
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    await host.detach(b);
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080, 800)).toBeUndefined();
  });

  test("on a node whose /run cannot be written says so, and changes nothing", async () => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    await host.node.exec("mount", ["-o", "remount,ro", "/run"]);
    failed(
      await host.portmap.call("ADD", pod, host.config([mapping], result)),
      5,
      /\/run\/podwire\/.*read-only/,
    );
    expect(await hostState(host.node)).toEqual(before);
    await host.detach(pod);
  });

  test("of a hundred containers at once forwards all their ports", async () => {
    await using host = await PortHost.create(backend);
    const names = Array.from({ length: 100 }, (_, index) => `p${index}`);
    const pods = await host.bridge.pods(...names);
    const attach = async (index: number) => {
      const pod = pods[index];
      if (pod === undefined) return;
      const mappings = [{ hostPort: 8000 + index, containerPort: 80 }];
      await host.check(pod, mappings, await host.attach(pod, mappings));
    };
    await Promise.all(names.map((_, index) => attach(index)));
    for (const index of [0, 42, 99]) {
      await startEcho(host.node, 80, `p${index}`);
      expect(await host.fromOutside(host.outside.nodeAddress4, 8000 + index)).toBe(host.outside.address4);
      expect(await host.fromOutside(host.outside.nodeAddress6, 8000 + index)).toBe(host.outside.address6);
    }
    await Promise.all(pods.map((pod) => host.detach(pod)));
    const { iptables, ipsets, files } = await hostState(host.node);
    expect(iptables.filter((line) => line.includes("PODWIRE-DN"))).toEqual([]);
    expect(ipsets.filter((line) => line.startsWith("add podwire-hp"))).toEqual([]);
    expect(files.filter((file) => /\.portmap: |reservations\/(?!address-interface)/.test(file))).toEqual([]);
  }, 300_000);
});

describe.runIf(canRun(...programs)).each(backends)("GC (%s)", (backend) => {
  test("takes away what is not to be kept, of its network only", async () => {
    await using host = await PortHost.create(backend);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [mapping]);
    await host.attach(b, [{ ...mapping, hostPort: 8081 }]);
    await host.attach(
      c,
      [{ ...mapping, hostPort: 8082 }],
      { name: "other" },
      { ipam: { type: "host-local", subnet: subnet4, rangeStart: "10.1.0.100" } },
    );
    const all = await hostState(host.node);
    await host.portmap.gc(host.config(undefined), [a, b]);
    expect(await hostState(host.node)).toEqual(all);
    await host.portmap.gc(host.config(undefined), [a]);
    for (const pod of ["a", "b", "c"]) await startEcho(host.node, 80, pod);
    const { nodeAddress4, address4 } = host.outside;
    expect(await host.fromOutside(nodeAddress4, 8080)).toBe(address4);
    expect(await host.fromOutside(nodeAddress4, 8081, 800)).toBeUndefined();
    expect(await host.fromOutside(nodeAddress4, 8082)).toBe(address4);
    const { files } = await hostState(host.node);
    expect(files.filter((file) => file.includes("-8081"))).toEqual([]);
  });

  test("takes away rules for values of the configuration that no attachment has any more, and those only", async () => {
    await using host = await PortHost.create(backend);
    const conditionsV4 =
      backend === "iptables" ? ["!", "-s", "198.51.100.1"] : ["ip", "saddr", "!=", "198.51.100.1"];
    const special = { markMasqBit: 20, conditionsV4 };
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [mapping]);
    const second = { name: "other" };
    const elsewhere = {
      bridge: "br1",
      ipMasq: false,
      ipam: { type: "host-local", subnet: "10.9.0.0/24" },
    };
    const before = await hostState(host.node);
    const filters = ({ iptables, ip6tables, nftables }: Awaited<ReturnType<typeof hostState>>) => ({
      iptables,
      ip6tables,
      nftables,
    });
    await host.attach(b, [{ ...mapping, hostPort: 8081 }], special);
    const results = await host.attach(
      c,
      [{ ...mapping, hostPort: 8082 }],
      { ...special, ...second },
      elsewhere,
    );
    await host.detach(b);
    await host.bridge.del(b, bridgeConfig());

    await host.portmap.gc(host.config(undefined), [a]);
    await host.check(c, [{ ...mapping, hostPort: 8082 }], results, { ...special, ...second });
    await startEcho(host.node, 80, "c");
    expect(await host.fromNode("127.0.0.1", 8082)).toBe("10.9.0.1");

    await host.detach(c, second);
    await host.bridge.del(c, bridgeConfig({ ...second, ...elsewhere }));
    await host.bridge.gc(bridgeConfig({ ...second, ...elsewhere }), []);
    await host.portmap.gc(host.config(undefined), [a]);
    expect(filters(await hostState(host.node))).toEqual(filters(before));
  });

  test("finds what has no record any more", async () => {
    await using host = await PortHost.create(backend);
    await host.warmUp();
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    await host.portmap.gc(host.config(undefined), []);
    const before = await hostState(host.node);
    await host.portmap.add(pod, host.config([mapping], result));
    await host.node.exec("sh", ["-ec", "rm /run/podwire/filter/*/records/*"]);
    await host.portmap.gc(host.config(undefined), []);
    const { files, ...rest } = await hostState(host.node);
    expect({ ...rest, files: [] }).toEqual({ ...before, files: [] });
    expect(files.filter((file) => file.includes("-8080"))).toEqual([]);
  });
});

describe.runIf(canRun(...programs)).each(backends)("STATUS (%s)", (backend) => {
  test("says whether the node has what it takes", async () => {
    await using host = await PortHost.create(backend);
    expect((await host.portmap.call("STATUS", undefined, host.config(undefined))).exitCode).toBe(0);
  });
});
