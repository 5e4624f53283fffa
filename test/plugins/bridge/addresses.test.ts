import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { pluginOptions } from "../../helpers/plugin.ts";
import { addresses, addressInfos, hostState, sysctl } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const dual = (keys = {}) => network({ isGateway: true, ipam: hostLocal([subnet4, subnet6]), ...keys });

describe.runIf(canRun(...programs))("addresses", () => {
  test("of several ranges and both families are all on the interface, and all are reached", async () => {
    await using host = await Host.create();
    const ipam = hostLocal([subnet4, "10.2.0.0/24", subnet6, "fd00:2::/64"]);
    const [a, b] = await host.pods("a", "b");
    const config = dual({ ipam });
    const result = await host.add(a, config);
    await host.add(b, config);
    const expected = ["10.1.0.2/24", "10.2.0.2/24", "fd00:1::2/64", "fd00:2::2/64"];
    expect(result.ips.map(({ address }: { address: string }) => address)).toEqual(expected);
    expect((await addresses(host.node, "eth0", "a")).sort()).toEqual(expected);
    for (const address of expected) {
      const target = address.split("/")[0] ?? "";
      expect(await ping(host.node, target, { netns: "b" })).toBe(true);
      expect(await ping(host.node, target)).toBe(true);
    }
    await host.check(a, config, result);
  });

  test("name the gateway of their range, and the container's place in the list of interfaces", async () => {
    await using host = await Host.create();
    const result = await host.add(await host.pod("a"), dual());
    expect(result.ips).toEqual([
      { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 },
      { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 2 },
    ]);
    expect(result.interfaces[2].name).toBe("eth0");
  });

  test("work on an interface of any allowed name", async () => {
    await using host = await Host.create();
    const pod = { ...(await host.pod("a")), ifname: "net-1.é_@x" };
    const result = await host.add(pod, dual());
    expect(await addresses(host.node, pod.ifname, "a")).toEqual(["10.1.0.2/24", "fd00:1::2/64"]);
    await host.check(pod, dual(), result);
    await host.del(pod, dual());
  });

  test("of IPv6 are usable at once: no duplicate address detection", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), dual());
    for (const [name, netns] of [["eth0", "a"], ["br0"]] as [string, string?][]) {
      const infos = await addressInfos(host.node, name, netns);
      const states = infos
        .filter(({ local }) => local.includes(":"))
        .map(({ tentative }) => tentative ?? false);
      expect(states).toEqual([false]);
    }
    expect(await sysctl(host.node, "ipv6/conf/eth0/accept_dad", "a")).toBe("0");
  });

  test("of IPv6 come up where the container has IPv6 switched off, and stay when it goes down and up", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const off = ["-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
    await host.node.exec("sysctl", off, { netns: "a" });
    await host.add(pod, dual());
    expect(await ping(host.node, "fd00:1::1", { netns: "a" })).toBe(true);
    for (const state of ["down", "up"])
      await host.node.exec("ip", ["link", "set", "eth0", state], { netns: "a" });
    expect(await addresses(host.node, "eth0", "a")).toEqual(["10.1.0.2/24", "fd00:1::2/64"]);
  });

  test("of IPv4 only leave IPv6 off where the container has it off", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.node.exec("sysctl", ["-w", "net.ipv6.conf.default.disable_ipv6=1"], { netns: "a" });
    await host.add(pod, network({ isGateway: true }));
    expect(await sysctl(host.node, "ipv6/conf/eth0/disable_ipv6", "a")).toBe("1");
    expect(await ping(host.node, "10.1.0.1", { netns: "a" })).toBe(true);
  });
});

describe.runIf(canRun("strace", ...programs))("enabledad", () => {
  test("has detection done before ADD returns", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), dual({ enabledad: true }));
    expect(await sysctl(host.node, "ipv6/conf/eth0/accept_dad", "a")).toBe("1");
    expect(await sysctl(host.node, "ipv6/conf/eth0/enhanced_dad", "a")).toBe("1");
    const infos = await addressInfos(host.node, "eth0", "a");
    const [six] = infos.filter(({ local }) => local.includes(":"));
    expect([six?.nodad ?? false, six?.tentative ?? false]).toEqual([false, false]);
  });

  test("waits for the event that detection is done, not for the clock", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const config = dual({ enabledad: true });
    const options = pluginOptions(host.executable, host.request("ADD", pod, config));
    await host.node.exec("strace", ["-e", "trace=ppoll", "-o", "/run/polls", host.executable], options);
    const polls = (await host.node.exec("cat", ["/run/polls"])).stdout;
    expect(polls).toContain("revents=POLLIN");
    expect(polls).not.toContain("Timeout");
  });

  test("fails ADD when another host on the bridge has the address already, and leaves nothing", async () => {
    await using host = await Host.create();
    await host.warmUp(dual());
    const [squatter, pod] = await host.pods("squatter", "a");
    await host.add(squatter, network({ ipam: {}, name: "layer2" }));
    const args = ["address", "add", "fd00:1::3/64", "nodad", "dev", "eth0"];
    await host.node.exec("ip", args, { netns: "squatter" });
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, dual({ enabledad: true })), 999, "fd00:1::3");
    expect(await hostState(host.node)).toEqual(before);
  });
});
