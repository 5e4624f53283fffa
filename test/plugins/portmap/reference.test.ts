import { describe, expect, test } from "vitest";
import { canRun, referencePlugin, startEcho } from "../../helpers/index.ts";
import { environmentOf, installVariants, natRules, type Variant } from "../../shared/filter/world.ts";
import { Host } from "../bridge/host.ts";
import { bridgeConfig, failed, type Keys, PortHost, programs } from "./host.ts";

const mappingsOf = (port: number) => [
  { hostPort: port, containerPort: 80, protocol: "tcp" },
  { hostPort: port, containerPort: 53, protocol: "udp" },
];

const variants: readonly Variant[] = ["nf_tables", "legacy"];
const tools = [referencePlugin("portmap"), "iptables-legacy-restore", ...programs];

describe.runIf(canRun(...tools)).each(variants)("what the reference plugin forwards (%s)", (variant) => {
  const extras = { env: environmentOf(variant) };
  // The newest version that this reference knows.
  const old: Keys = { cniVersion: "1.0.0" };

  test("is checked, and taken down by DEL and by GC, and other containers' stays", async () => {
    await using host = await PortHost.create("iptables");
    await installVariants(host.node);
    const reference = new Host(host.node, referencePlugin("portmap"));
    const pods = await host.bridge.pods("a", "b", "c");
    const results: object[] = [];
    for (const [index, pod] of pods.entries()) {
      const result = await host.bridge.add(pod, bridgeConfig({ ...old, ipMasq: false }));
      results.push(result);
      await reference.add(pod, host.config(mappingsOf(8080 + index), result, old), extras);
    }
    const [a, b, c] = pods;
    const [result = {}] = results;
    const call = (port: number) => ({ ...host.config(mappingsOf(port), result, old) });
    await host.portmap.check(a, host.config(mappingsOf(8080), undefined, old), result, extras);
    failed(
      await host.portmap.call("CHECK", a, call(9999), extras),
      999,
      /a rule of the reference plugin is missing: for tcp port 9999/,
    );
    const chains = async (family: 4 | 6) =>
      (await natRules(host.node, variant, family)).filter((rule) => rule.startsWith(":CNI-DN-")).length;
    expect(await chains(4)).toBe(3);
    await host.portmap.del({ ...a, netns: "" }, host.config(undefined, undefined, old), extras);
    expect([await chains(4), await chains(6)]).toEqual([2, 2]);
    failed(await host.portmap.call("CHECK", a, call(8080), extras), 999, /missing/);
    await host.portmap.call(
      "GC",
      undefined,
      {
        ...host.config(undefined),
        "cni.dev/valid-attachments": [{ containerID: c.containerId, ifname: c.ifname }],
      },
      extras,
    );
    expect([await chains(4), await chains(6)]).toEqual([1, 1]);
    await startEcho(host.node, 80, "c");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8082)).toBe(host.outside.address4);
    await host.portmap.del({ ...b, netns: "" }, host.config(undefined, undefined, old), extras);
  });

  test("works beside ours", async () => {
    await using host = await PortHost.create("iptables");
    await installVariants(host.node);
    const reference = new Host(host.node, referencePlugin("portmap"));
    const [a, b] = await host.bridge.pods("a", "b");
    const first = await host.bridge.add(a, bridgeConfig({ ...old, ipMasq: false }));
    await reference.add(a, host.config(mappingsOf(8080), first, old), extras);
    const second = await host.bridge.add(b, bridgeConfig({ ...old, ipMasq: false }));
    await host.portmap.add(b, host.config(mappingsOf(8081), second, old), extras);
    for (const pod of ["a", "b"]) await startEcho(host.node, 80, pod);
    for (const port of [8080, 8081]) {
      expect(await host.fromOutside(host.outside.nodeAddress4, port)).toBe(host.outside.address4);
      expect(await host.fromNode("127.0.0.1", port)).toBe("10.1.0.1");
    }
  });
});

describe.runIf(canRun(...programs))("what a newer reference plugin forwards by nftables", () => {
  // As its version 1.6 makes them: a table a family, and the container's ID as each rule's comment.
  const ruleset = `
    table ip cni_hostport {
      chain hostports {
        tcp dport 8080 dnat to 10.1.0.2:80 comment "id-a"
        tcp dport 8081 dnat to 10.1.0.3:80 comment "id-ab"
      }
      chain masquerading {
        type nat hook postrouting priority srcnat;
        ip saddr 10.1.0.0/24 ip daddr 10.1.0.2 masquerade comment "id-a"
      }
    }
    table ip6 cni_hostport {
      chain hostports { tcp dport 8080 dnat to [fd00:1::2]:80 comment "id-a"; }
    }`;

  test("is taken down by DEL, and nothing of others", async () => {
    await using host = await PortHost.create("nftables");
    const pod = await host.bridge.pod("a");
    await host.node.exec("nft", ["-f", "-"], { input: ruleset });
    await host.detach(pod);
    const { stdout } = await host.node.exec("nft", ["list", "ruleset"]);
    expect(stdout).not.toContain('"id-a"');
    expect(stdout).toContain('comment "id-ab"');
    await host.detach(pod);
  });
});
