import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState, links, ports, reservations } from "../attachment/kernel-state.ts";
import { Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6]),
});

/** How an attachment can be half gone while its host's end, its rules and its reservation are still there. */
const remains: [string, string][] = [
  ["was renamed", "ip -n a link set eth0 down; ip -n a link set eth0 name old0"],
  ["was moved to another namespace", "ip -n a link set eth0 netns elsewhere"],
  ["was deleted", "ip -n a link del eth0"],
];

describe.runIf(canRun(...programs))("ADD of a container that was never deleted", () => {
  test.each(remains)(
    "works when its interface %s: nothing of the first one stays",
    async (_case, command) => {
      await using host = await Host.create();
      await host.node.addNetns("elsewhere");
      await host.warmUp(config);
      const before = await hostState(host.node);
      const pod = await host.pod("a");
      await host.add(pod, config);
      await host.node.exec("sh", ["-ec", command]);
      const result = await host.add(pod, config);
      expect(await ports(host.node, "br0")).toEqual([result.interfaces[1].name]);
      expect(await reservations(host.node)).toHaveLength(2);
      await host.check(pod, config, result);
      await host.del(pod, config);
      expect(await hostState(host.node)).toEqual(before);
      for (const name of ["a", "elsewhere"]) expect(await links(host.node, name)).toHaveLength(1);
    },
  );

  test("works when its namespace was exchanged for a new one of the same name", async () => {
    await using host = await Host.create();
    await host.warmUp(config);
    const before = await hostState(host.node);
    await host.add(await host.pod("a"), config);
    await host.node.deleteNetns("a");
    const pod = await host.pod("a");
    const result = await host.add(pod, config);
    await host.check(pod, config, result);
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  });

  test("works when the old namespace is kept alive by a process", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.add(pod, config);
    await using _sleeper = host.node.start("sleep", ["1000"], { netns: "a" });
    await host.node.deleteNetns("a", { waits: false });
    const again = await host.pod("a");
    const result = await host.add(again, config);
    expect(await ports(host.node, "br0")).toHaveLength(1);
    await host.check(again, config, result);
  });
});
