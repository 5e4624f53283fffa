import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type PluginRun } from "../../helpers/index.ts";
import {
  failed,
  Host,
  hostLocal,
  type Keys,
  type Pod,
  subnet4,
  succeeded,
} from "../../plugins/attachment/host.ts";
import { links, reservations } from "../../plugins/attachment/kernel-state.ts";

// GC with the time of its list (PODWIRE_LIST_TIME): attachments that began later are kept.

const networkOf = (plugin: string, ipMasqBackend: string): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: plugin,
  ...(plugin === "bridge" ? { bridge: "br0", isGateway: true } : {}),
  ipMasq: true,
  ipMasqBackend,
  ipam: hostLocal([subnet4]),
});

const portsOf = (backend: string): Keys => ({ cniVersion: "1.1.0", name: "net", type: "portmap", backend });
const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80 }] };

const rows = ["nftables", "iptables"].flatMap((backend) =>
  ["bridge", "ptp"].map((plugin) => ({ plugin, backend })),
);

const hasTools = canRun(
  "ip",
  "nft",
  "iptables",
  "ip6tables",
  "iptables-restore",
  "ip6tables-restore",
  "date",
);

describe.runIf(hasTools).each(rows)("GC of $plugin and portmap ($backend)", ({ plugin, backend }) => {
  const prepared = async () => {
    const node = await createNode();
    const interfaces = new Host(node, builtPlugin(plugin));
    const ports = new Host(node, builtPlugin("portmap"));
    const config = networkOf(plugin, backend);
    const attach = async (pod: Pod) => {
      const prevResult = await interfaces.add(pod, config);
      const mapped = { ...portsOf(backend), runtimeConfig, prevResult };
      await ports.add(pod, mapped);
      const check = async () => {
        await ports.check(pod, mapped, prevResult);
        await interfaces.check(pod, config, prevResult);
      };
      return { check };
    };
    /** Nanoseconds since 1970. */
    const now = async () => (await node.exec("date", ["+%s%N"])).stdout.trim();
    const collect = (time: string): Promise<PluginRun[]> => {
      const call = (host: Host, keys: Keys) =>
        host.call(
          "GC",
          undefined,
          { ...keys, "cni.dev/valid-attachments": [] },
          { env: { PODWIRE_LIST_TIME: time } },
        );
      return Promise.all([call(ports, portsOf(backend)), call(interfaces, config)]);
    };
    const state = async () => [await node.snapshot(), await reservations(node)] as const;
    return {
      node,
      attach,
      now,
      collect,

      state,
      host: interfaces,
      [Symbol.asyncDispose]: () => node.dispose(),
    };
  };

  test("keeps what began after its list was made, and takes it when it is older and dead", async () => {
    await using stage = await prepared();
    const { attach, now, collect, node, host } = stage;
    const before = await now();
    const { check } = await attach(await host.pod("a"));
    for (const run of await collect(before)) expect(succeeded(run).stdout).toBe("");
    await check();
    await node.deleteNetns("a");
    for (const run of await collect(await now())) expect(succeeded(run).stdout).toBe("");
    expect(await reservations(node)).toEqual([]);
    const { iptables, nftables } = await node.snapshot();
    expect([...iptables, ...nftables].join("\n")).not.toContain("id-a");
  });

  test("keeps nothing without the time: no ADD may run beside it", async () => {
    await using stage = await prepared();
    const { attach, collect, node, host } = stage;
    await attach(await host.pod("a"));
    for (const run of await collect("")) expect(succeeded(run).stdout).toBe("");
    expect(await links(node, "a")).toHaveLength(1);
    const { iptables, nftables } = await node.snapshot();
    expect([...iptables, ...nftables].join("\n")).not.toContain("id-a");
    expect(await reservations(node)).toEqual([]);
  });

  test.each(["yesterday", "-1", "1.5", "99999999999999999999"])(
    "refuses the time %j, and changes nothing",
    async (time) => {
      await using stage = await prepared();
      const { attach, collect, state, host } = stage;
      await attach(await host.pod("a"));
      const before = await state();
      for (const run of await collect(time)) failed(run, 4, /PODWIRE_LIST_TIME.*nanoseconds/);
      expect(await state()).toEqual(before);
    },
  );
});
