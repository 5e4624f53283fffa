import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { hostState, link, links, sysctl } from "../attachment/kernel-state.ts";
import { failed, Host, type Keys, l2Network, programs } from "./host.ts";

/** The ways to say that there is no address management. */
const ways: [string, Keys][] = [
  ["no ipam key", { ipam: undefined }],
  ["an empty ipam section", { ipam: {} }],
  ["an ipam section with an empty type", { ipam: { type: "" } }],
  ["null", { ipam: null }],
];

describe.runIf(canRun(...programs))("a network of layer 2 only", () => {
  test.each(ways)("takes ADD, CHECK, GC and DEL: %s", async (_way, keys) => {
    await using host = await Host.create();
    const config = l2Network(keys);
    await host.warmUp(config);
    const before = await hostState(host.node);
    const pod = await host.pod("a");
    const result = await host.add(pod, config);
    await host.check(pod, config, result);
    await host.gc(config, [pod]);
    await host.check(pod, config, result);
    await host.del(pod, { ...config, prevResult: result });
    expect(await hostState(host.node)).toEqual(before);
  });

  test("gives a result with interfaces and nothing else", async () => {
    await using host = await Host.create();
    const result = await host.add(await host.pod("a"), l2Network());
    const inside = await link(host.node, "eth0", "a");
    expect(Object.keys(result)).toEqual(["cniVersion", "interfaces"]);
    expect(result.interfaces[2]).toEqual({
      name: "eth0",
      mac: inside.address,
      mtu: inside.mtu,
      sandbox: "/run/netns/a",
    });
  });

  test("carries frames between containers that give themselves addresses", async () => {
    await using host = await Host.create();
    for (const [index, pod] of (await host.pods("a", "b")).entries()) {
      await host.add(pod, l2Network());
      const args = ["address", "add", `10.8.0.${index + 1}/24`, "dev", "eth0"];
      await host.node.exec("ip", args, { netns: pod.name });
    }
    expect(await ping(host.node, "10.8.0.2", { netns: "a" })).toBe(true);
  });

  test("needs no CNI_PATH and no iptables, for any verb", async () => {
    await using host = await Host.create();
    const bare = { path: "", env: { PATH: "/nowhere" } };
    const pod = await host.pod("a");
    const config = l2Network();
    const result = await host.add(pod, config, bare);
    await host.check(pod, config, result, bare);
    await host.del(pod, config, bare);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("has nothing to masquerade", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const config = l2Network({ ipMasq: true });
    const before = await hostState(host.node);
    const result = await host.add(pod, config);
    await host.check(pod, config, result);
    const after = await hostState(host.node);
    expect([after.iptables, after.ipsets]).toEqual([before.iptables, before.ipsets]);
    await host.del(pod, config);
  });

  test("leaves the host's forwarding alone, whatever isGateway says", async () => {
    await using host = await Host.create();
    await host.node.exec("sysctl", ["-w", "net.ipv4.ip_forward=0"]);
    const pod = await host.pod("a");
    const config = l2Network({ isGateway: true, isDefaultGateway: true });
    await host.check(pod, config, await host.add(pod, config));
    expect(await sysctl(host.node, "ipv4/ip_forward")).toBe("0");
  });

  test.each(["0.1.0", "0.2.0"])(
    "is refused in version %s, whose result must hold an address, before any work",
    async (cniVersion) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const before = await hostState(host.node);
      const error = failed(await host.call("ADD", pod, l2Network({ cniVersion })), 7, "cniVersion");
      expect(error.cniVersion).toBe(cniVersion);
      expect(await hostState(host.node)).toEqual(before);
      expect(await links(host.node, "a")).toHaveLength(1);
    },
  );

  test.each(["0.1.0", "0.2.0"])("can be deleted in version %s all the same", async (cniVersion) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.add(pod, l2Network());
    await host.del(pod, l2Network({ cniVersion }));
    expect(await links(host.node, "a")).toHaveLength(1);
  });
});
