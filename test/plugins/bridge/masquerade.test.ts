import { describe, expect, test } from "vitest";
import { canRun, createOutside, type Outside, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import { pluginOptions } from "../../helpers/plugin.ts";
import { hostState, links, reservations } from "../attachment/witness.ts";
import { failed, Host, hostLocal, type Keys, network, type Pod, programs, subnet4, subnet6 } from "./host.ts";

const config = network({ isDefaultGateway: true, ipMasq: true, ipam: hostLocal([subnet4, subnet6]) });
const withoutMasquerade = { ...config, ipMasq: false };

interface World extends AsyncDisposable {
  readonly host: Host;
  readonly outside: Outside;
}

/** A host with a way out, and a server there that says where its clients come from. */
const createWorld = async (): Promise<World> => {
  const host = await Host.create();
  const outside = await createOutside(host.node);
  await startEcho(outside, 80);
  const dispose = async () => {
    await outside.dispose();
    await host.node.dispose();
  };
  return { host, outside, [Symbol.asyncDispose]: dispose };
};

/** What the outside sees of a container's connection, by family. */
const seenOutside = async ({ host, outside }: World, pod: Pod) => {
  const options = { netns: pod.name, milliseconds: 1500 };
  return {
    v4: await seenAddress(host.node, outside.address4, 80, options),
    v6: await seenAddress(host.node, outside.address6, 80, options),
  };
};

const masqueraded = ({ outside }: World) => ({ v4: outside.nodeAddress4, v6: outside.nodeAddress6 });
const unanswered = { v4: undefined, v6: undefined };

describe.runIf(canRun("strace", ...programs))("ipMasq", () => {
  test("gives what leaves the network the node's address, in both families, and not without the key", async () => {
    await using world = await createWorld();
    const [a, b] = await world.host.pods("a", "b");
    await world.host.add(a, config);
    await world.host.add(b, withoutMasquerade);
    expect(await seenOutside(world, a)).toEqual(masqueraded(world));
    expect(await seenOutside(world, b)).toEqual(unanswered);
  });

  test("leaves the source address alone between containers and towards the gateway", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const own = (await host.add(a, config)).ips.map(
      ({ address }: { address: string }) => address.split("/")[0],
    );
    const other = (await host.add(b, config)).ips.map(
      ({ address }: { address: string }) => address.split("/")[0],
    );
    await startEcho(host.node, 80, "b");
    await startEcho(host.node, 80);
    for (const [family, gateway] of ["10.1.0.1", "fd00:1::1"].entries()) {
      expect(await seenAddress(host.node, other[family], 80, { netns: "a" })).toBe(own[family]);
      expect(await seenAddress(host.node, gateway, 80, { netns: "a" })).toBe(own[family]);
    }
  });

  test("masquerades every range of several, each apart from its own network only", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const ipam = hostLocal([subnet4, "10.2.0.0/24"]);
    await host.add(a, { ...config, ipam });
    const second = await host.add(b, {
      ...config,
      name: "other",
      bridge: "br1",
      ipam: hostLocal(["10.9.0.0/24"]),
    });
    await startEcho(host.node, 80, "b");
    const target = second.ips[0].address.split("/")[0];
    // Another network of the same node is outside: it sees the node, and never a container's address.
    expect(await seenAddress(host.node, target, 80, { netns: "a" })).toBe("10.9.0.1");
    for (const source of ["10.1.0.2", "10.2.0.2"]) {
      expect(await ping(host.node, world.outside.address4, { netns: "a", source })).toBe(true);
    }
  });

  test("of one of a container's interfaces on a network is not disturbed by the DEL of the other", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const second = { ...pod, ifname: "eth1" };
    const kept = await host.add(pod, config);
    await host.add(second, { ...config, isDefaultGateway: false, isGateway: true });
    await host.del(second, config);
    expect(await seenOutside(world, pod)).toEqual(masqueraded(world));
    await host.check(pod, config, kept);
  });

  test("ends with DEL, also when the configuration no longer has the key: the address is free for others", async () => {
    await using world = await createWorld();
    const { host } = world;
    await host.warmUp(config);
    const before = await hostState(host.node);
    const [a, b] = await host.pods("a", "b");
    const { ips } = await host.add(a, config);
    await host.del(a, withoutMasquerade);
    expect(await hostState(host.node)).toEqual(before);
    const wanted = ips.map(({ address }: { address: string }) => address);
    await host.add(b, { ...withoutMasquerade, args: { cni: { ips: wanted } } });
    expect(await seenOutside(world, b)).toEqual(unanswered);
  });

  test("has as many rules for many containers as for one", async () => {
    await using host = await Host.create();
    const rulesOf = async () => {
      const { iptables, ip6tables } = await hostState(host.node);
      return [iptables.length, ip6tables.length];
    };
    const counts: number[][] = [];
    for (const pod of await host.pods("a", "b", "c", "d")) {
      await host.add(pod, config);
      counts.push(await rulesOf());
    }
    expect(counts).toEqual(Array(4).fill(counts[0]));
  });
});

/** The programs that a call of the plugin runs. */
const programsRunBy = async (host: Host, command: "ADD" | "DEL", pod: Pod, keys: Keys): Promise<string[]> => {
  const args = ["-f", "-qq", "-e", "trace=execve", "-o", "/run/execs", host.executable];
  const options = pluginOptions(host.executable, host.request(command, pod, keys));
  const { exitCode, stdout } = await host.node.exec("strace", args, options);
  expect(exitCode, stdout).toBe(0);
  const lines = (await host.node.exec("grep", ["= 0$", "/run/execs"])).stdout.split("\n");
  return lines.map((line) => /execve\("[^"]*\/([^/"]+)"/.exec(line)?.[1] ?? line).slice(1);
};

describe.runIf(canRun("strace", ...programs))("ipMasq runs other programs", () => {
  test("once a family for the first container, and never for the next ones or for DEL", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const first = await programsRunBy(host, "ADD", a, config);
    expect(first.sort()).toEqual(["ip6tables-restore", "iptables-restore"]);
    expect(await programsRunBy(host, "ADD", b, config)).toEqual([]);
    expect(await programsRunBy(host, "DEL", a, config)).toEqual([]);
    expect(await programsRunBy(host, "DEL", b, config)).toEqual([]);
  });
});

/** Takes every iptables program away from the node: they are one file under many names. */
const removeIptables = async (host: Host) => {
  for (const variant of ["nft", "legacy"]) {
    await host.node.exec("mount", ["--bind", "/dev/null", `/usr/sbin/xtables-${variant}-multi`]);
  }
};

describe.runIf(canRun(...programs))("ipMasq without iptables on the node", () => {
  test("fails ADD before anything is changed, with the package to install, and fails STATUS", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    await removeIptables(host);
    failed(await host.call("ADD", pod, config), 50, /iptables/);
    failed(await host.call("STATUS", undefined, config), 50, /iptables/);
    await host.node.exec("umount", ["/usr/sbin/xtables-nft-multi"]);
    await host.node.exec("umount", ["/usr/sbin/xtables-legacy-multi"]);
    expect(await hostState(host.node)).toEqual(before);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("is no obstacle to DEL, GC, or a network that does not ask for it", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, config);
    await removeIptables(host);
    await host.add(b, withoutMasquerade);
    await host.del(b, withoutMasquerade);
    await host.del(a, config);
    await host.gc(config, []);
    expect((await hostState(host.node)).ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
  });

  test.each(["nftables", "carrier pigeon", "IPTABLES"])(
    "refuses the backend %s, which it does not have",
    async (ipMasqBackend) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const before = await hostState(host.node);
      failed(await host.call("ADD", pod, { ...config, ipMasqBackend }), 7, "ipMasqBackend");
      expect(await hostState(host.node)).toEqual(before);
    },
  );
});

/** The environment in which iptables is the old one, which has a lock; somebody holds it for as long as the node is. */
const holdLock = async (host: Host) => {
  const script = `mkdir /run/tools
    for tool in iptables ip6tables; do ln -s /usr/sbin/$tool-legacy-restore /run/tools/$tool-restore; done`;
  await host.node.exec("sh", ["-ec", script]);
  const holder = host.node.start("flock", ["/run/xtables.lock", "sh", "-c", "echo held; exec sleep 1000"]);
  await holder.firstLine();
  return { PATH: "/run/tools:/usr/sbin:/usr/bin" };
};

describe.runIf(canRun("flock", ...programs))(
  "ipMasq while another program holds the lock of iptables",
  () => {
    test("fails ADD with code 11 after a while, and leaves nothing of the attachment", async () => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const before = await hostState(host.node);
      const env = await holdLock(host);
      failed(await host.call("ADD", pod, config, { env }), 11, /lock/);
      const after = await hostState(host.node);
      for (const kind of ["links", "addresses", "routes", "iptables", "ip6tables", "nftables"] as const) {
        expect(after[kind]).toEqual(before[kind]);
      }
      expect(after.ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
      expect(await reservations(host.node)).toEqual([]);
      expect(await links(host.node, "a")).toHaveLength(1);
    });
  },
);
