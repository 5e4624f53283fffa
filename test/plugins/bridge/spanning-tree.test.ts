import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { pluginOptions } from "../../helpers/plugin.ts";
import { link } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({ isGateway: true });

/** A bridge whose ports take `delay` hundredths of a second twice before they forward. */
const hostWithSpanningTree = async (delay: number) => {
  const host = await Host.create();
  await host.warmUp({ ...config, bridge: "other0", isGateway: false });
  const args = ["link", "add", "br0", "address", "02:00:00:00:00:77", "type", "bridge"];
  await host.node.exec("ip", [...args, "stp_state", "1", "forward_delay", String(delay)]);
  await host.node.exec("ip", ["link", "set", "br0", "up"]);
  return host;
};

// Side by side: what takes time is the kernel's delays.
describe.runIf(canRun("strace", ...programs))("on a bridge with spanning tree, ADD", () => {
  test.concurrent("returns when the port forwards: told by an event, not by the clock", async () => {
    await using host = await hostWithSpanningTree(200);
    const pod = await host.pod("a");
    const options = pluginOptions(host.executable, host.request("ADD", pod, config));
    const args = ["-e", "trace=ppoll", "-o", "/run/polls", host.executable];
    const { stdout, exitCode } = await host.node.exec("strace", args, options);
    expect(exitCode, stdout).toBe(0);
    const polls = (await host.node.exec("cat", ["/run/polls"])).stdout;
    expect(polls).toContain("revents=POLLIN");
    expect(polls).not.toContain("Timeout");
    const port = await link(host.node, JSON.parse(stdout).interfaces[1].name);
    expect(port.linkinfo?.info_slave_data?.state).toBe("forwarding");
    expect(await ping(host.node, "10.1.0.1", { netns: "a" })).toBe(true);
  });

  test.concurrent("announces the address to the neighbours only when they can hear it", async ({
    expect,
  }) => {
    await using host = await hostWithSpanningTree(200);
    const [friend, pod] = await host.pods("friend", "a");
    const dual = { ...config, ipam: hostLocal([subnet4, subnet6]) };
    await host.add(friend, dual);
    const wanted = ["10.1.0.50", "fd00:1::50"];
    for (const address of wanted) {
      const stale = [
        "neigh",
        "add",
        address,
        "lladdr",
        "02:00:00:00:00:dd",
        "dev",
        "eth0",
        "nud",
        "reachable",
      ];
      await host.node.exec("ip", stale, { netns: "friend" });
    }
    const { interfaces } = await host.add(pod, { ...dual, args: { cni: { ips: wanted } } });
    const known = async (address: string) => {
      const all = await host.node.execJson<{ dst: string; lladdr: string }[]>("ip", ["-j", "neigh"], {
        netns: "friend",
      });
      return all.find(({ dst }) => dst === address)?.lladdr;
    };
    // The kernel sends the announcement of an IPv6 address from a work queue.
    for (const address of wanted) await expect.poll(() => known(address)).toBe(interfaces[2].mac);
  });

  test.concurrent("asks whether an address is taken only when it can be heard", async () => {
    await using host = await hostWithSpanningTree(200);
    const [squatter, pod] = await host.pods("squatter", "a");
    await host.add(squatter, { ...config, name: "layer2", isGateway: false, ipam: {} });
    const args = ["address", "add", "fd00:1::2/64", "nodad", "dev", "eth0"];
    await host.node.exec("ip", args, { netns: "squatter" });
    const detecting = { ...config, isGateway: false, enabledad: true, ipam: hostLocal([subnet6]) };
    failed(await host.call("ADD", pod, detecting), 999, "fd00:1::2");
  });

  test.concurrent("starts the container where the port forwards after 30 s, the default", async () => {
    await using host = await hostWithSpanningTree(1500);
    const [a, b] = await host.pods("a", "b");
    const result = await host.add(a, config);
    const port = await link(host.node, result.interfaces[1].name);
    expect(port.linkinfo?.info_slave_data?.state).toMatch(/^(listening|learning)$/);
    await host.check(a, config, result);
    const layer2 = network({ name: "layer2", ipam: {} });
    await host.check(b, layer2, await host.add(b, layer2));
    await host.node.exec("ip", ["link", "set", "br0", "type", "bridge", "forward_delay", "200"]);
    await expect.poll(() => ping(host.node, "10.1.0.1", { netns: "a" })).toBe(true);
    await host.del(a, config);
    await host.del(b, layer2);
  });
});
