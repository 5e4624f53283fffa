import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node } from "../../helpers/index.ts";
import { failed, Host, hostLocal, type Keys, type Pod, subnet4 } from "../../plugins/attachment/host.ts";
import { addresses, hostState, link, links, reservations } from "../../plugins/attachment/kernel-state.ts";
import { changesOf } from "../../plugins/sweep/points.ts";
import { callWith, stepsOf } from "../../plugins/sweep/system-calls.ts";
import { buildLinkPlugin } from "./links/built.ts";

// The life cycle of links of every kind: ./links has a plugin for each, which says what it owns, and no more.

const aliasOf = ({ containerId, ifname }: Pod) =>
  `podwire network=net container=${containerId} interface=${ifname}`;

const kinds = [
  { plugin: "macvlan", kind: "macvlan", keys: { master: "up0" } },
  { plugin: "tap", kind: "tun", keys: {} },
] as const;

describe.runIf(canRun("ip", "strace", "musl-gcc"))("the link of an attachment", () => {
  const executables = new Map<string, string>();
  let node: Node;

  beforeAll(async () => {
    for (const name of ["macvlan", "tap", "ifb"]) executables.set(name, await buildLinkPlugin(name));
  }, 120_000);
  afterAll(() => {
    for (const file of executables.values()) rmSync(dirname(file), { recursive: true });
  });
  beforeEach(async () => {
    node = await createNode();
    const up0 = ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"];
    await node.exec("ip", up0);
    return () => node.dispose();
  });

  const hostOf = (plugin: string) => new Host(node, executables.get(plugin) ?? "");
  const configOf = (plugin: string, keys: Keys): Keys => ({
    cniVersion: "1.1.0",
    name: "net",
    type: plugin,
    ipam: hostLocal([subnet4]),
    ...keys,
  });
  const names = async (netns?: string) => (await links(node, netns)).map(({ ifname }) => ifname).sort();

  describe.each(kinds)("in the container only: $plugin", ({ plugin, kind, keys }) => {
    const config = configOf(plugin, keys);

    test("has its owner in the alias, passes CHECK, and goes with DEL, which may be repeated", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const before = await hostState(node);
      const result = await host.add(pod, config);
      const made = await link(node, "eth0", "a");
      expect(made).toMatchObject({ ifalias: aliasOf(pod), linkinfo: { info_kind: kind } });
      expect(result.interfaces).toMatchObject([{ name: "eth0", mac: made.address, sandbox: pod.netns }]);
      expect(await addresses(node, "eth0", "a")).toEqual(["10.1.0.2/24"]);
      await host.check(pod, config, result);
      for (let time = 0; time < 2; time++) {
        await host.del(pod, config);
        expect(await names("a")).toEqual(["lo"]);
        expect((await hostState(node)).links).toEqual(before.links);
        expect(await reservations(node)).toEqual([]);
      }
    });

    test("is taken back when a later step fails", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      failed(await host.call("ADD", pod, { ...config, fail: true }), 999, "made to fail");
      expect(await names("a")).toEqual(["lo"]);
      expect(await reservations(node)).toEqual([]);
    });

    test("is gone with the namespace: DEL without one, DEL with its path, and GC release the addresses", async () => {
      const host = hostOf(plugin);
      const forms: [string, (pod: Pod) => Promise<void>][] = [
        ["b", (pod) => host.del({ ...pod, netns: "" }, config)],
        ["c", (pod) => host.del(pod, config)],
        ["d", () => host.gc(config, [])],
      ];
      for (const [name, remove] of forms) {
        const pod = await host.pod(name);
        await host.add(pod, config);
        await node.deleteNetns(name);
        expect(await reservations(node)).toHaveLength(1);
        await remove(pod);
        expect(await reservations(node)).toEqual([]);
      }
    });

    test("stays when DEL comes with the path of a namespace that serves another container", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      await host.add(pod, config);
      const former = { ...pod, containerId: "id-former" };
      await host.del(former, config);
      await host.gc(config, [pod]);
      expect(await addresses(node, "eth0", "a")).toEqual(["10.1.0.2/24"]);
      expect(await reservations(node)).toEqual(["10.1.0.2"]);
    });

    test("is removed without an alias, as the reference plugin leaves it, but only if it is the one in prevResult", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const prevResult = await host.add(pod, config);
      const ip = (...words: string[]) => node.exec("ip", ["link", "set", "eth0", ...words], { netns: "a" });
      await ip("alias", "");
      const mac = prevResult.interfaces[0].mac;
      await ip("address", "02:00:00:00:00:99");
      await host.del(pod, { ...config, prevResult });
      expect(await names("a")).toEqual(["eth0", "lo"]);
      await ip("address", mac);
      await host.del(pod, { ...config, prevResult });
      expect(await names("a")).toEqual(["lo"]);
    });

    test("keeps its address as long as it lives, also where the range is exhausted", async () => {
      const host = hostOf(plugin);
      const [a, b] = await host.pods("a", "b");
      const [range, only] = [{ subnet: subnet4 }, "10.1.0.9"];
      const single = {
        ...config,
        ipam: { type: "host-local", ranges: [[{ ...range, rangeStart: only, rangeEnd: only }]] },
      };
      await host.add(a, single);
      failed(await host.call("ADD", b, single), 11);
      await node.deleteNetns("a");
      await host.add(b, single);
      expect(await addresses(node, "eth0", "b")).toEqual(["10.1.0.9/24"]);
    });

    test("of another kind is another's: ADD refuses the name, CHECK names the kind, DEL leaves it", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const prevResult = await host.add(pod, config);
      await host.del(pod, config);
      await node.exec("ip", ["link", "add", "eth0", "type", "ifb"], { netns: "a" });
      failed(await host.call("ADD", pod, config), 4, /eth0.*already exists/);
      failed(await host.call("CHECK", pod, { ...config, prevResult }), 999, `kind ifb, expected ${kind}`);
      await host.del(pod, config);
      expect(await names("a")).toEqual(["eth0", "lo"]);
    });

    test("of another attachment does not pass CHECK", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const prevResult = await host.add(pod, config);
      const alias = aliasOf({ ...pod, containerId: "id-other" });
      await node.exec("ip", ["link", "set", "eth0", "alias", alias], { netns: "a" });
      const call = await host.call("CHECK", pod, { ...config, prevResult });
      failed(call, 999, /eth0 belongs to another attachment.*id-other/);
    });

    test("leaves nothing after DEL when ADD was killed at any of its system calls", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const steps = changesOf(await stepsOf({ host, command: "ADD", pod, config }));
      await host.del(pod, config);
      expect(steps.length).toBeGreaterThan(5);
      for (const step of steps) {
        await callWith({ host, command: "ADD", pod, config }, step, "signal=SIGKILL");
        await host.del(pod, config);
        expect(await names("a"), step.line).toEqual(["lo"]);
        expect(await reservations(node), step.line).toEqual([]);
      }
    }, 120_000);

    test("is taken back by ADD itself when any of its system calls fails", async () => {
      const host = hostOf(plugin);
      const pod = await host.pod("a");
      const call = { host, command: "ADD", pod, config } as const;
      const steps = (await stepsOf(call)).filter(({ syscall }) => ["sendto", "recvfrom"].includes(syscall));
      await host.del(pod, config);
      expect(steps.length).toBeGreaterThan(5);
      for (const step of steps) {
        const run = await callWith(call, step, "error=EIO");
        if (run.exitCode === 0) await host.del(pod, config);
        expect(await names("a"), step.line).toEqual(["lo"]);
        expect(await reservations(node), step.line).toEqual([]);
      }
    }, 120_000);
  });

  describe("a veth pair", () => {
    const config: Keys = { ...configOf("ptp", {}), type: "ptp" };

    test("stays when a second DEL comes with the path of a namespace that serves another container", async () => {
      const host = new Host(node, builtPlugin("ptp"));
      const pod = await host.pod("a");
      const former = { ...pod, containerId: "id-former" };
      const prevResult = await host.add(former, config);
      await host.del(former, config);
      await host.add(pod, config);
      await host.del(former, config);
      await host.del(former, { ...config, prevResult });
      expect(await names("a")).toEqual(["eth0", "lo"]);
      await host.del(pod, config);
      expect(await names("a")).toEqual(["lo"]);
    });

    test("of the reference plugin stays when it is not the one in prevResult", async () => {
      const host = new Host(node, builtPlugin("ptp"));
      const pod = await host.pod("a");
      const add = "link add veth0 type veth peer name eth0 netns a";
      await node.exec("ip", add.split(" "));
      const { address } = await link(node, "eth0", "a");
      const resultWith = (mac: string) => ({
        cniVersion: "1.1.0",
        interfaces: [{ name: "veth0" }, { name: "eth0", mac, sandbox: pod.netns }],
      });
      await host.del(pod, { ...config, prevResult: resultWith("02:00:00:00:00:99") });
      expect(await names("a")).toEqual(["eth0", "lo"]);
      await host.del(pod, { ...config, prevResult: resultWith(address.toUpperCase()) });
      expect(await names("a")).toEqual(["lo"]);
    });
  });

  describe("on the host only: ifb", () => {
    const config: Keys = { cniVersion: "1.1.0", name: "net", type: "ifb" };
    const ofKind = async () =>
      (await links(node))
        .filter(({ linkinfo }) => linkinfo?.info_kind === "ifb")
        .map(({ ifalias }) => ifalias);

    test("DEL needs no namespace, and removes the attachment's own only", async () => {
      const host = hostOf("ifb");
      const [a, b] = await host.pods("a", "b");
      await host.add(a, config);
      await host.add(b, config);
      expect((await ofKind()).sort()).toEqual([aliasOf(a), aliasOf(b)]);
      await host.del({ ...a, netns: "" }, config);
      expect(await ofKind()).toEqual([aliasOf(b)]);
      await host.del(a, config);
      expect(await ofKind()).toEqual([aliasOf(b)]);
    });

    test("GC removes those that the runtime does not know, of this network and this kind", async () => {
      const host = hostOf("ifb");
      const [a, b] = await host.pods("a", "b");
      for (const pod of [a, b]) await host.add(pod, config);
      await host.add(b, { ...config, name: "other" });
      await node.exec("ip", ["link", "set", "up0", "alias", aliasOf(a)]);
      await host.gc(config, [b]);
      const others = aliasOf(b).replace("network=net", "network=other");
      expect((await ofKind()).sort()).toEqual([aliasOf(b), others]);
      expect(await names()).toContain("up0");
    });

    test("is taken back when a later step fails, and replaced by the next ADD when ADD was killed", async () => {
      const host = hostOf("ifb");
      const pod = await host.pod("a");
      failed(await host.call("ADD", pod, { ...config, fail: true }), 999, "made to fail");
      expect(await ofKind()).toEqual([]);
      await host.add(pod, config);
      await host.add(pod, config);
      expect(await ofKind()).toEqual([aliasOf(pod)]);
    });
  });
});
