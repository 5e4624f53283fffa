/** Rules that another program flushes: the next call of any container brings back what living containers have. */
import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../../helpers/index.ts";
import { type Backend, backends, PortHost, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };

/** What is flushed, one after the other, as commands of a shell; found on the node where a container has its own. */
const flushes: Readonly<Record<Backend, (host: PortHost) => Promise<string[]>>> = {
  iptables: async ({ node }) => {
    const { stdout } = await node.exec("iptables", ["-t", "nat", "-S"]);
    expect(stdout).toContain("-N PODWIRE-POSTROUTING");
    return [
      "iptables -t nat -F",
      "iptables -t nat -F; iptables -t nat -X",
      "iptables-save | grep -v PODWIRE | iptables-restore",
      "nft flush ruleset",
      "iptables -t nat -F PODWIRE-POSTROUTING",
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

const callOf = async (host: PortHost, caller: Caller, index: number): Promise<void> => {
  const pod = await host.bridge.pod(`next${index}`);
  const keys = caller === "none" ? { ipMasq: false } : { ipMasqBackend: caller };
  await host.attach(pod, [], {}, keys);
};

describe.runIf(canRun(...programs)).each(backends)("after a flush (%s)", (backend) => {
  const works = async (host: PortHost) => ({
    port: await host.fromOutside(host.outside.nodeAddress4, 8080, 1000),
    masquerade: await seenAddress(host.node, host.outside.address4, 81, { netns: "a", milliseconds: 1000 }),
  });

  /** Flushes, looks, has another container called, and looks again; for each of the commands. */
  const repaired = async (caller: Caller, most: number) => {
    await using host = await PortHost.create(backend);
    const pod = await host.bridge.pod("a");
    await host.attach(pod, [mapping], {}, { ipMasqBackend: backend });
    await startEcho(host.node, 80, "a");
    await startEcho(host.outside, 81);
    const whole = { port: host.outside.address4, masquerade: host.outside.nodeAddress4 };
    expect(await works(host)).toEqual(whole);
    const commands = (await flushes[backend](host)).slice(0, most);
    for (const [index, command] of commands.entries()) {
      await host.node.exec("sh", ["-ec", command]);
      await callOf(host, caller, index);
      expect(await works(host), command).toEqual(whole);
    }
  };

  test("of anything, the next container with masquerade brings back ports and masquerade", async () => {
    await repaired(backend, 100);
  });

  test.runIf(backend === "nftables").each(["none", "iptables"] as const)(
    "of everything, so does one with other rules: %s",
    async (caller) => {
      await repaired(caller, 3);
    },
  );
});
