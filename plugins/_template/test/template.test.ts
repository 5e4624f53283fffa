import { beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode } from "../../../test/helpers/index.ts";
import { failed, Host, hostLocal, type Keys } from "../../../test/plugins/attachment/host.ts";
import { addresses, hostState, link, links } from "../../../test/plugins/attachment/kernel-state.ts";

// Each test has a node of its own: throw-away namespaces, on which the built executable is called as a runtime does.

const executable = builtPlugin("template");
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "template", ipam: hostLocal(["10.1.0.0/24"]) };

describe.runIf(canRun("ip"))("template", () => {
  let host: Host;
  beforeEach(async () => {
    host = new Host(await createNode(), executable);
    return () => host.node.dispose();
  });

  test("ADD makes the pair with its addresses, CHECK passes, DEL leaves nothing and may be repeated", async () => {
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const result = await host.add(pod, config);
    const inside = await link(host.node, "eth0", "a");
    expect(result.interfaces[1]).toMatchObject({ name: "eth0", mac: inside.address, sandbox: pod.netns });
    expect(await addresses(host.node, "eth0", "a")).toEqual(["10.1.0.2/24"]);
    expect(await link(host.node, result.interfaces[0].name)).toMatchObject({
      ifalias: "podwire network=net container=id-a interface=eth0",
      mtu: 1500,
    });
    await host.check(pod, config, result);
    await host.del(pod, config);
    await host.del(pod, config);
    const { files: _files, ...state } = await hostState(host.node);
    expect(before).toMatchObject(state);
  });

  test("uses mtu and hostUp", async () => {
    const pod = await host.pod("a");
    const result = await host.add(pod, { ...config, mtu: 1400, hostUp: false });
    const end = await link(host.node, result.interfaces[0].name);
    expect(end.mtu).toBe(1400);
    expect(end.flags).not.toContain("UP");
  });

  test.each([
    [{ ipam: {} }, 7, /ipam.*names no plugin/],
    [{ mtu: 1 }, 7, /mtu/],
    [{ hostUp: "yes" }, 6, /hostUp/],
  ])("ADD refuses %j, and changes nothing", async (keys, code, words) => {
    const pod = await host.pod("a");
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, { ...config, ...keys }), code, words);
    expect(await host.node.snapshot()).toEqual(before);
  });

  test("CHECK names what is missing", async () => {
    const pod = await host.pod("a");
    const prevResult = await host.add(pod, config);
    await host.node.exec("ip", ["address", "delete", "10.1.0.2/24", "dev", "eth0"], { netns: "a" });
    failed(await host.call("CHECK", pod, { ...config, prevResult }), 999, "10.1.0.2/24");
  });

  test("DEL without the namespace, and GC, remove the link of a container that is gone", async () => {
    const count = async () => (await links(host.node)).length;
    const before = await count();
    const [a, b] = await host.pods("a", "b");
    for (const pod of [a, b]) await host.add(pod, config);
    await host.del({ ...a, netns: "" }, config);
    expect(await count()).toBe(before + 1);
    await host.gc(config, [b]);
    expect(await count()).toBe(before + 1);
    await host.gc(config, []);
    expect(await count()).toBe(before);
  });

  test("a failed ADD leaves nothing", async () => {
    const pod = await host.pod("a");
    const routes = [{ dst: "198.51.100.0/24", gw: "192.0.2.1" }];
    failed(
      await host.call("ADD", pod, { ...config, ipam: hostLocal(["10.1.0.0/24"], { routes }) }),
      7,
      "192.0.2.1",
    );
    expect((await links(host.node)).map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo"]);
  });
});
