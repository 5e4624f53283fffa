/** What is there already and leaves no room for the overlay: named, and nothing changed. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { createWorld, failed, l2Network, l3Network, programs } from "./world.ts";

describe.runIf(canRun(...programs))("a conflict", () => {
  test("with a VXLAN device of the same VNI and port is named", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    await node.exec("ip", "link add other type vxlan id 100 dstport 4789 local 192.0.2.1".split(" "));
    const before = await hostState(node);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /the VXLAN device other already has the VNI 100/);
    expect(await hostState(node)).toEqual(before);
    failed(await own.host(0).call("STATUS", undefined, l3Network(own, 0)), 7, /the VXLAN device other/);
  });

  test.each(["l2", "l3"] as const)("with another network of the same VNI is named (%s)", async (mode) => {
    await using own = await createWorld(2);
    const host = own.host(0);
    const network = mode === "l2" ? l2Network : l3Network;
    await host.add(await host.pod("one"), network(own, 0));
    const before = await hostState(host.node);
    const other = network(own, 0, { name: "other", device: "vxother", bridge: "br-other" });
    const run = await host.call("ADD", await host.pod("two"), other);
    failed(
      run,
      7,
      /the VXLAN device vx100 \(podwire network=net .*already has the VNI 100 at the UDP port 4789/,
    );
    expect(await hostState(host.node)).toEqual(before);
    // Where the port is another one, there is room for both.
    const room = {
      port: 4790,
      l3: { network: "10.245.0.0/16", subnets: ["10.245.1.0/24"] },
      discovery: { peers: [{ vtep: "192.0.2.2" }] },
    };
    await host.add(await host.pod("three"), mode === "l2" ? { ...other, port: 4790 } : { ...other, ...room });
  });

  test("with another network's bridge is named", async () => {
    await using own = await createWorld(2);
    const host = own.host(0);
    await host.add(await host.pod("one"), l2Network(own, 0));
    const before = await hostState(host.node);
    const other = l2Network(own, 0, { name: "other", vni: 200, bridge: "br-vx100" });
    failed(
      await host.call("ADD", await host.pod("two"), other),
      7,
      /the bridge br-vx100 already has the VXLAN device vx100/,
    );
    expect(await hostState(host.node)).toEqual(before);
  });

  test("with an underlay that is too small is named", async () => {
    await using own = await createWorld(2);
    const host = own.host(0);
    await host.node.exec("ip", ["link", "set", "eth0", "mtu", "1329"]);
    const dual = l3Network(own, 0, {}, { families: [4, 6] });
    const before = await hostState(host.node);
    failed(
      await host.call("ADD", await host.pod("one"), dual),
      7,
      /MTU of 1279 is too small.*which need 1280.*eth0 has MTU 1329/,
    );
    expect(await hostState(host.node)).toEqual(before);
    await host.add(await host.pod("two"), l3Network(own, 0));
  });

  test("with a device that takes every VNI of the port is named", async () => {
    await using own = await createWorld(2);
    await own.host(0).node.exec("ip", "link add other type vxlan external dstport 4789".split(" "));
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /the VXLAN device other takes every VNI/);
  });

  test("with an interface of its name is named", async () => {
    await using own = await createWorld(2);
    await own.host(0).node.exec("ip", ["link", "add", "vx100", "type", "bridge"]);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /"vx100" exists and does not belong to the network "net"/);
  });

  test("with a program on the port is named, and leaves nothing", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    const script =
      'const s = require("dgram").createSocket("udp4"); s.bind(4789, () => console.log("bound"))';
    await using socket = node.start(process.execPath, ["-e", script]);
    expect(await socket.firstLine()).toBe("bound");
    failed(await own.host(0).call("STATUS", undefined, l3Network(own, 0)), 50, /UDP port 4789 is taken/);
    const before = await hostState(node);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /UDP port 4789, which vx100 needs, is taken/);
    const strip = (state: Awaited<ReturnType<typeof hostState>>) => ({ ...state, nftables: [] });
    expect(strip(await hostState(node))).toEqual(strip(before));
  });

  test("with a route of another program is named, and leaves nothing", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    await node.exec("ip", "route add 10.244.2.0/24 via 192.0.2.9".split(" "));
    const before = await hostState(node);
    failed(
      await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0)),
      7,
      /10.244.2.0\/24.*already exists/,
    );
    const strip = (state: Awaited<ReturnType<typeof hostState>>) => ({ ...state, nftables: [] });
    expect(strip(await hostState(node))).toEqual(strip(before));
  });

  test.each([
    ["VNI", { vni: 101, device: "vx100" }, /VNI \(100, configured is 101\)/],
    ["port", { port: 8472 }, /UDP port \(4789, configured is 8472\)/],
    ["name", { device: "vxother" }, /the name \(vx100, configured is vxother\)/],
  ])(
    "of a new %s with pods that use the device is refused, and made once they are gone",
    async (_, keys, words) => {
      await using own = await createWorld(2);
      const host = own.host(0);
      const [one, two] = await host.pods("one", "two");
      await host.add(one, l3Network(own, 0));
      const before = await hostState(host.node);
      failed(await host.call("ADD", two, l3Network(own, 0, keys)), 7, words);
      expect(await hostState(host.node)).toEqual(before);
      await host.del(one, l3Network(own, 0));
      await host.add(two, l3Network(own, 0, keys));
      const links = await host.node.execJson<{ ifname: string }[]>("ip", [
        "-j",
        "link",
        "show",
        "type",
        "vxlan",
      ]);
      expect(links.filter(({ ifname }) => ifname !== undefined)).toHaveLength(1);
    },
  );
});
