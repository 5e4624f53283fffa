import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, referenceBin, referencePlugin } from "../../helpers/index.ts";
import { Host, hostLocal, type Keys, type Pod, subnet4 } from "../../plugins/attachment/host.ts";
import {
  addresses,
  containerState,
  hostState,
  link,
  links,
  reservations,
} from "../../plugins/attachment/kernel-state.ts";

// DEL with the path of a namespace that is another container's by now, or the host's.

/** The reference 1.1.1 knows no 1.1.0. */
const networkOf = (plugin: string, keys: Keys = {}): Keys => ({
  cniVersion: "1.0.0",
  name: "net",
  type: plugin,
  ...(plugin === "bridge" ? { bridge: "br0", isGateway: true } : {}),
  ipam: hostLocal([subnet4]),
  ...keys,
});

const prepared = async (plugin: string) => {
  const node = await createNode();
  const ours = new Host(node, builtPlugin(plugin));
  const reference = new Host(node, referencePlugin(plugin), referenceBin);
  return { node, ours, reference, [Symbol.asyncDispose]: () => node.dispose() };
};

const namesIn = async (host: Host, pod: Pod) =>
  (await links(host.node, pod.name)).map(({ ifname }) => ifname);

/** What makes the interface that of the container. ptp of the reference waits neither for its carrier nor for its fe80 address. */
const interfaceOf = async ({ node }: Host, pod: Pod) => {
  const { ifindex, address } = await link(node, pod.ifname, pod.name);
  const ips = (await addresses(node, pod.ifname, pod.name)).filter((each) => !each.startsWith("fe80"));
  return { ifindex, address, ips };
};

/** The same path, and another container. */
const formerOf = (pod: Pod): Pod => ({ ...pod, containerId: "id-former" });

const resultOf = (pod: Pod, mac: string) => ({
  cniVersion: "1.0.0",
  interfaces: [{ name: pod.ifname, mac, sandbox: pod.netns }],
  ips: [],
});

/** Writes the result where libcni remembers it. */
const cacheResult = ({ node }: Host, { containerId, ifname }: Pod, result: object): void => {
  const file = node.path(`/var/lib/cni/results/net-${containerId}-${ifname}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    JSON.stringify({ kind: "cniCacheV1", containerId, ifName: ifname, networkName: "net", result }),
  );
};

const attaching = ["bridge", "ptp"] as const;

describe.runIf(canRun("ip")).each(attaching)(
  "DEL of %s, with a path that serves another container",
  (plugin) => {
    const config = networkOf(plugin);

    test("leaves what podwire made for that one", async () => {
      await using stage = await prepared(plugin);
      const { ours } = stage;
      const pod = await ours.pod("a");
      const result = await ours.add(pod, config);
      const before = [await hostState(ours.node), await containerState(ours.node, "a")];
      for (const prevResult of [undefined, resultOf(pod, "02:00:00:00:00:07"), result])
        await ours.del(formerOf(pod), { ...config, ...(prevResult === undefined ? {} : { prevResult }) });
      expect([await hostState(ours.node), await containerState(ours.node, "a")]).toEqual(before);
    });

    test.runIf(canRun(referencePlugin(plugin)))("leaves what the reference made for that one", async () => {
      await using stage = await prepared(plugin);
      const { ours, reference } = stage;
      const pod = await ours.pod("a");
      const { interfaces } = await reference.add(pod, config);
      const mac = interfaces.find(({ sandbox = "" }) => sandbox !== "").mac;
      const before = await interfaceOf(ours, pod);
      const others = await ours.pod("elsewhere");
      for (const prevResult of [
        undefined,
        resultOf(pod, "02:00:00:00:00:07"),
        // A MAC address that a person chose can be the same in two containers.
        resultOf(others, mac),
      ])
        await ours.del(formerOf(pod), { ...config, ...(prevResult === undefined ? {} : { prevResult }) });
      // The same path, address and MAC address: the former container had them, too.
      await ours.del(formerOf(pod), { ...config, prevResult: resultOf(pod, mac) });
      cacheResult(ours, formerOf(pod), resultOf(pod, "02:00:00:00:00:07"));
      await ours.del(formerOf(pod), config);
      expect(await interfaceOf(ours, pod)).toEqual(before);
      expect(await reservations(ours.node)).toEqual(["10.1.0.2"]);
    });

    /** What proves that a link of the reference, which has no alias, is the attachment's. */
    const proofs: [string, Keys, (stage: Host, pod: Pod, result: object) => Keys][] = [
      ["prevResult", { ipam: {} }, (_, __, prevResult) => ({ prevResult })],
      [
        "the cache of results",
        { ipam: {} },
        (host, pod, result) => {
          cacheResult(host, pod, result);
          return {};
        },
      ],
      ["an address that host-local has reserved", {}, () => ({})],
    ];

    test.runIf(canRun(referencePlugin(plugin))).each(plugin === "ptp" ? proofs.slice(2) : proofs)(
      "removes what the reference made, by %s",
      async (_, keys, proof) => {
        await using stage = await prepared(plugin);
        const { ours, reference } = stage;
        const pod = await ours.pod("a");
        const given = { ...config, ...keys };
        const result = await reference.add(pod, given);
        await ours.del(pod, { ...given, ...proof(ours, pod, result) });
        expect(await namesIn(ours, pod)).toEqual(["lo"]);
        expect(await reservations(ours.node)).toEqual([]);
      },
    );
  },
);

describe.runIf(canRun("ip", referencePlugin("bridge")))("DEL without any proof", () => {
  test("leaves a link without an alias, and succeeds", async () => {
    await using stage = await prepared("bridge");
    const { ours, reference } = stage;
    const config = networkOf("bridge", { ipam: {} });
    const pod = await ours.pod("a");
    await reference.add(pod, config);
    await ours.del(pod, config);
    expect(await namesIn(ours, pod)).toContain("eth0");
  });
});

/** Paths that lead to the host's own namespace, made by a shell on the node in which `sleep` runs. */
const ownPaths: [string, string][] = [
  ["that of a process of the host", "echo /proc/$$/ns/net"],
  ["that of a thread", "echo /proc/$$/task/$$/ns/net"],
  ["a bind mount", "touch /run/bound; mount --bind /proc/self/ns/net /run/bound; echo /run/bound"],
  ["a link", "ln -s /proc/$$/ns/net /run/link; echo /run/link"],
];

const portsOf = (keys: Keys): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "portmap",
  backend: "nftables",
  ...keys,
});

describe.runIf(canRun("ip", "nft"))("DEL whose path leads to the host's own namespace", () => {
  test.each(ownPaths)("by %s frees link, rules, ports and addresses", async (_, script) => {
    await using stage = await prepared("bridge");
    const { ours, node } = stage;
    const portmap = new Host(node, builtPlugin("portmap"));
    const config = networkOf("bridge", { cniVersion: "1.1.0", ipMasq: true, ipMasqBackend: "nftables" });
    const attach = async (name: string) => {
      const pod = await ours.pod(name);
      const prevResult = await ours.add(pod, config);
      const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80 }] };
      await portmap.add(pod, portsOf({ runtimeConfig, prevResult }));
      return { pod, prevResult };
    };
    const detach = async (pod: Pod, more: Keys) => {
      await portmap.del(pod, portsOf(more));
      await ours.del(pod, { ...config, ...more });
    };
    const first = await attach("warm-up");
    await detach(first.pod, {});
    await using holder = node.start("sh", ["-c", `${script}; exec sleep 60`]);
    const netns = await holder.firstLine();
    const before = await hostState(node);
    const { pod, prevResult } = await attach("a");
    await detach({ ...pod, netns }, { prevResult });
    expect(await hostState(node)).toEqual(before);
    expect(await namesIn(ours, pod)).toEqual(["lo"]);
    const again = await attach("again");
    expect(await addresses(node, "eth0", "again")).toHaveLength(1);
    expect(again.prevResult.ips).toHaveLength(1);
  });
});
