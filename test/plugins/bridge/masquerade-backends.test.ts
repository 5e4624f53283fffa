import { describe, expect, test } from "vitest";
import { type CniCommand, canRun } from "../../helpers/index.ts";
import { hostState, links, reservations } from "../attachment/kernel-state.ts";
import { callTraced } from "../attachment/started-programs.ts";
import { failed, Host, type Keys, type Pod, programs, succeeded } from "./host.ts";
import {
  config,
  createWorld,
  masqueraded,
  seenOutside,
  withBackend,
  withoutMasquerade,
} from "./masquerade-world.ts";

const programsRunBy = async (host: Host, command: CniCommand, pod: Pod, keys: Keys): Promise<string[]> =>
  (await callTraced(host, command, pod, keys)).started;

describe.runIf(canRun("strace", ...programs))("ipMasq runs other programs", () => {
  test("not at all with nftables", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const byNftables = withBackend("nftables");
    const results: unknown[] = [];
    for (const pod of [a, b]) {
      const run = await callTraced(host, "ADD", pod, byNftables);
      expect(run.started).toEqual([]);
      results.push(JSON.parse(run.stdout));
    }
    const check = { ...byNftables, prevResult: results[0] };
    expect((await callTraced(host, "CHECK", a, check)).started).toEqual([]);
    expect((await callTraced(host, "STATUS", undefined, byNftables)).started).toEqual([]);
    expect((await callTraced(host, "DEL", a, byNftables)).started).toEqual([]);
    const garbage = { ...byNftables, "cni.dev/valid-attachments": [] };
    expect((await callTraced(host, "GC", undefined, garbage)).started).toEqual([]);
    expect((await hostState(host.node)).nftables.join("\n")).not.toMatch(/elements|pods/);
  });

  test("once a family and call with iptables", async () => {
    await using host = await Host.create();
    const config = withBackend("iptables");
    const [a, b] = await host.pods("a", "b");
    const both = ["ip6tables-restore", "iptables-restore"];
    // The first one finds no chain of ours, and makes them.
    await programsRunBy(host, "ADD", a, config);
    expect((await programsRunBy(host, "ADD", b, config)).sort()).toEqual(both);
    expect((await programsRunBy(host, "DEL", a, config)).sort()).toEqual(both);
    expect((await programsRunBy(host, "DEL", b, config)).sort()).toEqual(both);
    expect(await programsRunBy(host, "DEL", b, config)).toEqual([]);
  });
});

/** Takes every iptables program away from the node: they are one file under many names. */
const removeIptables = async (host: Host) => {
  for (const variant of ["nft", "legacy"]) {
    await host.node.exec("mount", ["--bind", "/dev/null", `/usr/sbin/xtables-${variant}-multi`]);
  }
};

const showIptables = async (host: Host) => {
  for (const variant of ["nft", "legacy"]) {
    await host.node.exec("umount", [`/usr/sbin/xtables-${variant}-multi`]);
  }
};

describe.runIf(canRun(...programs))("ipMasq without iptables on the node", () => {
  test("uses nftables where the configuration names none, from STATUS to GC", async () => {
    await using world = await createWorld();
    const { host } = world;
    await removeIptables(host);
    const pod = await host.pod("a");
    succeeded(await host.call("STATUS", undefined, config));
    const result = await host.add(pod, config);
    expect(await seenOutside(world, pod)).toEqual(masqueraded(world));
    await host.check(pod, config, result);
    // The kind of the node is no part of an attachment.
    await showIptables(host);
    await host.check(pod, config, result);
    expect((await hostState(host.node)).ipsets).toEqual([]);
    await host.del(pod, config);
    await host.gc(config, []);
    expect((await hostState(host.node)).nftables.join("\n")).not.toMatch(/elements|pods/);
  });

  test("fails ADD and STATUS with the package to install where iptables is configured, and changes nothing", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    await removeIptables(host);
    for (const [command, who] of [
      ["ADD", pod],
      ["STATUS", undefined],
    ] as const) {
      failed(await host.call(command, who, withBackend("iptables")), 50, /install the package "iptables"/);
    }
    await showIptables(host);
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

  test.each(["carrier pigeon", "IPTABLES"])(
    "refuses a backend that does not exist: %s",
    async (ipMasqBackend) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const before = await hostState(host.node);
      failed(await host.call("ADD", pod, { ...config, ipMasqBackend }), 7, "ipMasqBackend");
      expect(await hostState(host.node)).toEqual(before);
    },
  );
});

describe.runIf(canRun(...programs))("a table of our name that another program made", () => {
  test("is replaced by ADD", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.node.exec("nft", ["-f", "-"], {
      input: "add table inet podwire\nadd set inet podwire pods4-net-10.1.0.0/24 { type inet_service; }",
    });
    const keys = withBackend("nftables");
    succeeded(await host.call("STATUS", undefined, keys));
    await host.check(pod, keys, await host.add(pod, keys));
  });
});

/** The environment in which iptables is the old one, which has a lock; a program holds it for as long as the node is. */
const holdLock = async (host: Host) => {
  const script = `mkdir /run/tools
    for tool in iptables ip6tables; do
      for verb in restore save; do ln -s /usr/sbin/$tool-legacy-$verb /run/tools/$tool-$verb; done
    done`;
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
      failed(await host.call("ADD", pod, withBackend("iptables"), { env }), 11, /lock/);
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
