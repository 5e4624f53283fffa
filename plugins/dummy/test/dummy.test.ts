import { beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun } from "../../../test/helpers/index.ts";
import { failed, Host, hostLocal, type Keys, succeeded } from "../../../test/plugins/attachment/host.ts";
import { links, reservations } from "../../../test/plugins/attachment/kernel-state.ts";

// What needs no kernel with dummy interfaces; the rest is in scenarios.ts, which runs on Debian's kernel.

const config: Keys = { cniVersion: "1.1.0", name: "net", type: "dummy", ipam: hostLocal(["10.1.0.0/24"]) };

describe.runIf(canRun("ip"))("dummy", () => {
  let host: Host;
  beforeEach(async () => {
    host = await Host.create("dummy");
    return () => host.node.dispose();
  });

  test.each([
    [{ ipam: {} }, 7, /ipam.*names no plugin.*host-local/],
    [{ ipam: undefined }, 7, /ipam.*names no plugin/],
    [{ ipam: { type: "missing" } }, 5, /failed to find plugin "missing"/],
    [{ mtu: 67 }, 7, /mtu.*67.*68 to 65535.*0 for 1500/],
    [{ mtu: 65536 }, 7, /mtu.*65536/],
    [{ mtu: "1500" }, 6, /mtu/],
  ])("ADD refuses %j, and changes nothing", async (keys, code, words) => {
    const pod = await host.pod("a");
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, { ...config, ...keys }), code, words);
    expect(await host.node.snapshot()).toEqual(before);
  });

  test("ADD refuses a name that is taken, and asks IPAM for nothing", async () => {
    const pod = await host.pod("a");
    await host.node.exec("ip", ["link", "add", "eth0", "type", "ifb"], { netns: "a" });
    failed(await host.call("ADD", pod, config), 4, /"eth0" already exists/);
    expect(await reservations(host.node)).toEqual([]);
  });

  test("ADD fails with code 8 without a namespace, DEL succeeds", async () => {
    const pod = { name: "a", netns: "/run/netns/gone", containerId: "id-a", ifname: "eth0" };
    failed(await host.call("ADD", pod, config), 8, "/run/netns/gone");
    await host.del(pod, config);
    await host.del({ ...pod, netns: "" }, config);
  });

  test("DEL leaves an interface of another kind, and needs no ipam section", async () => {
    const pod = await host.pod("a");
    await host.node.exec("ip", ["link", "add", "eth0", "type", "ifb"], { netns: "a" });
    await host.del(pod, { ...config, ipam: undefined });
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toContain("eth0");
  });

  test("CHECK needs prevResult, and finds the interface missing", async () => {
    const pod = await host.pod("a");
    failed(await host.call("CHECK", pod, config), 7, "prevResult");
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: pod.netns }] };
    failed(await host.call("CHECK", pod, { ...config, prevResult }), 999, /eth0.*missing/);
  });

  test("GC needs the list of what to keep, and releases the addresses of the rest", async () => {
    failed(await host.call("GC", undefined, config), 7, "valid-attachments");
    const [a, b] = await host.pods("a", "b");
    const ipam = new Host(host.node, builtPlugin("host-local"));
    for (const pod of [a, b]) await ipam.add(pod, config);
    await host.gc(config, [b]);
    expect(await reservations(host.node)).toEqual(["10.1.0.3"]);
  });

  /** Asked of the kernel itself. */
  const hasDummy = async () => {
    const args = ["link", "add", "probe", "type", "dummy"];
    return (await host.node.exec("ip", args, { reject: false })).exitCode === 0;
  };

  test("ADD and STATUS say whether the kernel has the module, and a failed ADD leaves nothing", async () => {
    const pod = await host.pod("a");
    if (await hasDummy()) {
      succeeded(await host.call("STATUS", undefined, config));
      await host.del(pod, { ...config, prevResult: await host.add(pod, config) });
      return;
    }
    failed(
      await host.call("STATUS", undefined, config),
      50,
      /no interfaces of the kind dummy.*modprobe dummy/s,
    );
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, config), 50, /no interfaces of the kind dummy.*modprobe dummy/s);
    expect(await reservations(host.node)).toEqual([]);
    expect((await host.node.snapshot()).links).toEqual(before.links);
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo"]);
  });
});
