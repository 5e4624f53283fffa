import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { environmentOf, installVariants, natRules, type Variant } from "../../shared/filter/world.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { bridgeConfig, failed, PortHost, programs } from "./host.ts";

const variants: readonly Variant[] = ["nf_tables", "legacy"];
const mappings = [
  { hostPort: 8080, containerPort: 80 },
  { hostPort: 8081, containerPort: 81, protocol: "sctp" },
];

const other = (variant: Variant): Variant => (variant === "legacy" ? "nf_tables" : "legacy");

describe.runIf(canRun("iptables-legacy-restore", "strace", ...programs)).each(variants)(
  "iptables (%s)",
  (variant) => {
    const extras = { env: environmentOf(variant) };

    test("forwards, is checked and taken down, all in its own tables", async () => {
      await using host = await PortHost.create("iptables");
      await installVariants(host.node);
      const [pod, neighbour] = await host.bridge.pods("a", "b");
      const result = await host.bridge.add(pod, bridgeConfig({ ipMasq: false }));
      const second = await host.bridge.add(neighbour, bridgeConfig({ ipMasq: false }));
      await host.portmap.add(neighbour, host.config([{ hostPort: 8096, containerPort: 80 }], second), extras);
      const before = { ...(await hostState(host.node)), legacy: await natRules(host.node, variant) };
      const changed = [{ hostPort: 8090, containerPort: 80 }];
      await host.portmap.add(pod, host.config(changed, result), extras);
      await host.portmap.add(pod, host.config(mappings, result), extras);
      expect(
        (await natRules(host.node, variant)).some((rule) => rule.includes("-p sctp -m sctp --dport 8081")),
      ).toBe(true);
      expect((await natRules(host.node, variant)).some((rule) => rule.includes("8090"))).toBe(false);
      expect((await natRules(host.node, other(variant))).filter((rule) => rule.includes("PODWIRE"))).toEqual(
        [],
      );
      await startEcho(host.node, 80, "a");
      await startEcho(host.node, 80, "b");
      const { outside } = host;
      for (const port of [8080, 8096]) {
        expect(await host.fromOutside(outside.nodeAddress4, port)).toBe(outside.address4);
        expect(await host.fromOutside(outside.nodeAddress6, port)).toBe(outside.address6);
        expect(await host.fromNode("127.0.0.1", port)).toBe("10.1.0.1");
      }
      await host.portmap.check(pod, host.config(mappings), result, extras);
      const chain = (await natRules(host.node, variant))
        .map((rule) => /PODWIRE-DN-\w+/.exec(rule)?.[0])
        .find((name) => name !== undefined);
      const tool = variant === "legacy" ? "iptables-legacy" : "iptables-nft";
      await host.node.exec(tool, ["-t", "nat", "-D", "PODWIRE-HOSTPORTS", "2"]);
      const bad = await Promise.all(
        [pod, neighbour].map((each) =>
          host.portmap.call(
            "CHECK",
            each,
            {
              ...host.config(each === pod ? mappings : [{ hostPort: 8096, containerPort: 80 }]),
              prevResult: each === pod ? result : second,
            },
            extras,
          ),
        ),
      );
      expect(bad.map(({ exitCode }) => exitCode).sort(), chain).toEqual([0, 1]);
      await host.portmap.add(pod, host.config(mappings, result), extras);
      await host.portmap.add(neighbour, host.config([{ hostPort: 8096, containerPort: 80 }], second), extras);
      await host.portmap.del({ ...pod, netns: "" }, host.config(undefined), extras);
      const { processes: _, ...rest } = {
        ...(await hostState(host.node)),
        legacy: await natRules(host.node, variant),
      };
      expect(rest).toEqual({ ...before, processes: undefined });
      await host.portmap.gc(host.config(undefined), []);
      expect((await natRules(host.node, variant)).filter((rule) => rule.includes("PODWIRE-DN"))).toEqual([]);
    });

    test("is called once a family and call, at most", async () => {
      await using host = await PortHost.create("iptables");
      await installVariants(host.node);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig({ ipMasq: false }));
      const started = async (command: "ADD" | "DEL" | "CHECK" | "GC", config: object): Promise<string[]> => {
        const call = host.portmap.request(command, command === "GC" ? undefined : pod, config, extras);
        const { pluginOptions } = await import("../../helpers/plugin.ts");
        const trace = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", "/run/trace"];
        const run = await host.node.exec(
          "strace",
          [...trace, host.portmap.executable],
          pluginOptions(host.portmap.executable, call),
        );
        expect(run.exitCode, run.stdout).toBe(0);
        const lines = (await host.node.exec("cat", ["/run/trace"])).stdout.split("\n");
        const programs = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
        return programs
          .slice(1)
          .map((path) => path.slice(path.lastIndexOf("/") + 1))
          .sort();
      };
      const both = ["ip6tables-restore", "iptables-restore"];
      // The kernel does not tell whether another program has changed legacy rules: they are read.
      const changed =
        variant === "legacy" ? ["ip6tables-legacy-save", "iptables-legacy-save", ...both].sort() : both;
      // The first one finds no chains of ours, and makes them.
      await started("ADD", host.config(mappings, result));
      expect(await started("ADD", host.config(mappings, result))).toEqual(changed);
      // Through the name of the variant that has the rules.
      expect(await started("CHECK", host.config(mappings, result))).toHaveLength(2);
      expect(
        (await started("DEL", host.config(undefined))).filter((name) => name.endsWith("-restore")),
      ).toEqual(both);
      // No container has rules: there is nothing to look for.
      expect(await started("ADD", host.config(mappings, result))).toEqual(both);
    });
  },
);

describe.runIf(canRun(...programs))("a node without iptables", () => {
  test("is told what to install, before anything is changed", async () => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig({ ipMasq: false }));
    const before = await hostState(host.node);
    // All names lead to one program.
    const program = (await host.node.exec("readlink", ["-f", "/usr/sbin/iptables-restore"])).stdout;
    await host.node.exec("mount", ["--bind", "/dev/null", program]);
    const words = /iptables-restore is not installed.*install the package "iptables"/;
    failed(await host.portmap.call("ADD", pod, host.config(mappings, result)), 50, words);
    failed(await host.portmap.call("STATUS", undefined, host.config(undefined)), 50, words);
    await host.node.exec("umount", [program]);
    expect(await hostState(host.node)).toEqual(before);
  });
});
