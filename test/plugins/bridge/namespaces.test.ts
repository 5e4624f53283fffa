/** The ways in which runtimes hold a container's namespace, and hosts that have less than usual. */
import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { addresses, hostState, links } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6]),
});

const paths: [string, string][] = [
  ["with spaces and other letters", "/run/netns/мой контейнер"],
  ["with shell characters", "/run/netns/$(touch x);'\"&"],
  ["very long", `/run/netns/${"long".repeat(60)}`],
  ["deep", `/run/netns/${"d/".repeat(500)}ns`],
];

describe.runIf(canRun(...programs))("a namespace at a path", () => {
  test.each(paths)("%s takes ADD, CHECK and DEL", async (_kind, path) => {
    await using host = await Host.create();
    await host.warmUp(config);
    const before = await hostState(host.node);
    const pod = { ...(await host.pod("a")), netns: path };
    const script = 'mkdir -p "$(dirname "$1")"; touch "$1"; mount --bind /run/netns/a "$1"';
    await host.node.exec("sh", ["-ec", script, "sh", path]);
    const result = await host.add(pod, config);
    expect(result.interfaces[2].sandbox).toBe(path);
    await host.check(pod, config, result);
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  });

  test.each([
    ["a symbolic link", "ln -s /run/netns/a /run/link", "/run/link"],
    ["relative to the working folder", "true", "run/netns/a"],
  ])("which is %s takes ADD, CHECK and DEL", async (_kind, command, path) => {
    await using host = await Host.create();
    const pod = { ...(await host.pod("a")), netns: path };
    await host.node.exec("sh", ["-ec", command]);
    await host.check(pod, config, await host.add(pod, config));
    await host.del(pod, config);
    expect(await links(host.node, "a")).toHaveLength(1);
  });
});

describe.runIf(canRun("unshare", ...programs))("a namespace of a process", () => {
  test.each([
    ["in the host's user namespace", []],
    ["in a user namespace of its own", ["--user", "--map-root-user"]],
  ])("%s takes ADD, CHECK and DEL, and is reached", async (_kind, flags) => {
    await using host = await Host.create();
    await host.warmUp(config);
    const before = await hostState(host.node);
    const script = "ip link set lo up; echo ready; exec cat";
    const holder = host.node.start("unshare", [
      ...flags,
      "--net",
      "sh",
      "-c",
      `${script} /dev/zero > /dev/null`,
    ]);
    await holder.firstLine();
    const pod = { name: "a", netns: `/proc/${holder.pid}/ns/net`, containerId: "id-a", ifname: "eth0" };
    const result = await host.add(pod, config);
    for (const { address } of result.ips) expect(await ping(host.node, address.split("/")[0])).toBe(true);
    await host.check(pod, config, result);
    await holder.stop("SIGKILL");
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("a host with IPv6 switched off", () => {
  const hostWithoutIpv6 = async () => {
    const host = await Host.create();
    const off = ["-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
    await host.node.exec("sysctl", off);
    return host;
  };

  test("takes a network of IPv4, and IPv6 stays off", async () => {
    await using host = await hostWithoutIpv6();
    const four = { ...config, ipam: hostLocal([subnet4]) };
    const pod = await host.pod("a");
    const result = await host.add(pod, four);
    await host.check(pod, four, result);
    expect(await ping(host.node, "10.1.0.1", { netns: "a" })).toBe(true);
    expect(await addresses(host.node, "br0")).toEqual(["10.1.0.1/24"]);
    expect((await host.node.exec("cat", ["/proc/sys/net/ipv6/conf/br0/disable_ipv6"])).stdout).toBe("1");
  });

  test("refuses or serves a network of both families, and is as before in the first case", async () => {
    await using host = await hostWithoutIpv6();
    await host.warmUp({ ...config, bridge: "other0", isDefaultGateway: false });
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const run = await host.call("ADD", pod, config);
    if (run.exitCode === 0) {
      expect(await ping(host.node, "fd00:1::1", { netns: "a" })).toBe(true);
      return;
    }
    failed(run, run.json.code, /IPv6/);
    expect(await hostState(host.node)).toEqual(before);
  });
});
