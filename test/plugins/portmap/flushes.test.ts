/** Rules that another program flushes: CHECK names it, and the next call of any container brings back what living containers have. */
import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../../helpers/index.ts";
import { environmentOf, installVariants, type Way, ways } from "../../shared/filter/world.ts";
import { type Attached, type Backend, bridgeConfig, type Pod, PortHost, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };

/** What is flushed, one after the other, as commands of a shell; found on the node where a container has its own. */
const flushes: Readonly<Record<Backend, (host: PortHost, way: Way) => Promise<string[]>>> = {
  iptables: async ({ node }, { variant }) => {
    const { stdout } = await node.exec("iptables", ["-t", "nat", "-S"], { env: environmentOf(variant) });
    const chains = [...stdout.matchAll(/^-N (PODWIRE-\S+)$/gm)].map(([, chain]) => chain);
    expect(chains.length).toBeGreaterThan(4);
    return [
      "iptables -t nat -F",
      "iptables -t nat -F; iptables -t nat -X",
      "iptables-save | grep -v PODWIRE | iptables-restore",
      "ip6tables -t nat -F",
      "iptables -t raw -F",
      ...(variant === "legacy" ? [] : ["nft flush ruleset"]),
      ...["POSTROUTING", "PREROUTING", ...chains].map((chain) => `iptables -t nat -F ${chain}`),
    ];
  },
  nftables: async ({ node }) => {
    const { stdout } = await node.exec("nft", ["-j", "list", "table", "inet", "podwire"]);
    const { nftables } = JSON.parse(stdout) as { nftables: Record<string, { name: string }>[] };
    const commands = nftables.flatMap((item) =>
      ["set", "map", "chain"].flatMap((kind) =>
        item[kind] === undefined ? [] : [`nft flush ${kind} inet podwire ${item[kind].name}`],
      ),
    );
    expect(commands.length).toBeGreaterThan(15);
    return [
      "nft flush ruleset",
      "nft delete table inet podwire",
      "nft flush table inet podwire",
      ...commands,
    ];
  },
};

/** A call of another container: with rules of this backend, of the other one, or of none. */
type Caller = Backend | "none";

describe.runIf(canRun("iptables-legacy", ...programs)).each(ways)("after a flush ($how)", (way) => {
  const { backend, variant } = way;
  const extras = { env: environmentOf(variant) };

  const works = async (host: PortHost) => ({
    port: await host.fromOutside(host.outside.nodeAddress4, 8080, 1000),
    masquerade: await seenAddress(host.node, host.outside.address4, 81, { netns: "a", milliseconds: 1000 }),
  });

  const call = (host: PortHost, caller: Caller, pod: Pod): Promise<Attached> => {
    const keys = caller === "none" ? { ipMasq: false } : { ipMasqBackend: caller };
    return host.bridge.add(pod, bridgeConfig(keys), extras);
  };

  /** The exit codes of CHECK of both plugins. */
  const checked = async (host: PortHost, pod: Pod, prevResult: Attached) => {
    const masquerade = { ...bridgeConfig({ ipMasqBackend: backend }), prevResult };
    const ports = host.config([mapping], prevResult);
    const calls = [
      await host.bridge.call("CHECK", pod, masquerade, extras),
      await host.portmap.call("CHECK", pod, ports, extras),
    ];
    return calls.map(({ exitCode }) => exitCode);
  };

  test.each(["none", "iptables", "nftables"] as const)(
    "of anything, CHECK fails until the next container brings back ports and masquerade; its own rules: %s",
    async (caller) => {
      await using host = await PortHost.create(backend);
      await installVariants(host.node);
      const pod = await host.bridge.pod("a");
      const result = await call(host, backend, pod);
      await host.portmap.add(pod, host.config([mapping], result), extras);
      await startEcho(host.node, 80, "a");
      await startEcho(host.outside, 81);
      const whole = { port: host.outside.address4, masquerade: host.outside.nodeAddress4 };
      expect(await works(host)).toEqual(whole);
      for (const [index, command] of (await flushes[backend](host, way)).entries()) {
        await host.node.exec("sh", ["-ec", command], extras);
        expect(await checked(host, pod, result), command).toContain(1);
        await call(host, caller, await host.bridge.pod(`next${index}`));
        expect(await works(host), command).toEqual(whole);
        expect(await checked(host, pod, result), command).toEqual([0, 0]);
      }
    },
  );
});
