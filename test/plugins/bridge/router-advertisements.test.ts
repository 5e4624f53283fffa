import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createOutside, type Node, type RunningCommand } from "../../helpers/index.ts";
import { addresses, defaultRoutes, sysctl } from "../attachment/kernel-state.ts";
import { Host, hostLocal, l2Network, network, programs, subnet6 } from "./host.ts";

const prefix = "2001:db8:bad:";
const config = network({ isGateway: true, ipam: hostLocal([subnet6]) });

/** A router that advertises itself and a prefix on a link, several times a minute, beginning at once. */
const startRouter = async (node: Node, name: string, netns?: string): Promise<RunningCommand> => {
  const file = `/run/radvd-${netns ?? "node"}`;
  const text = `interface ${name} { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
    prefix ${prefix}:/64 { AdvOnLink on; AdvAutonomous on; }; };\n`;
  writeFileSync(node.path(`${file}.conf`), text);
  const inside = netns === undefined ? {} : { netns };
  await node.exec("sysctl", ["-w", "net.ipv6.conf.all.forwarding=1"], inside);
  const args = [
    "--nodaemon",
    "--config",
    `${file}.conf`,
    "--pidfile",
    `${file}.pid`,
    "--logmethod",
    "stderr",
  ];
  return node.start("radvd", args, inside);
};

/** A container's interface on the bridge, made by hand, that believes routers: it shows that one is heard. */
const addListener = async (host: Host): Promise<void> => {
  await host.node.addNetns("listener");
  const script = `
    ip link add listen type veth peer name eth0 netns listener
    ip link set listen master br0 up
    ip netns exec listener sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.accept_dad=0
    ip -n listener link set eth0 up`;
  await host.node.exec("sh", ["-ec", script]);
};

const listenerHasHeard = async (host: Host): Promise<void> => {
  await expect.poll(() => defaultRoutes(host.node, 6, "listener"), { timeout: 30_000 }).toHaveLength(1);
};

const advertised = (list: readonly string[]) => list.filter((address) => address.startsWith(prefix));

describe.runIf(canRun("radvd", ...programs))("a router advertisement from a container", () => {
  test.each([
    ["with a gateway", config],
    ["of layer 2", l2Network()],
  ])("is believed by no other container, and not by the host: network %s", async (_kind, given) => {
    await using host = await Host.create();
    const [rogue, victim] = await host.pods("rogue", "victim");
    await host.add(rogue, given);
    await host.add(victim, given);
    await addListener(host);
    await startRouter(host.node, "eth0", "rogue");
    await listenerHasHeard(host);
    expect(await defaultRoutes(host.node, 6, "victim")).toEqual([]);
    expect(advertised(await addresses(host.node, "eth0", "victim"))).toEqual([]);
    const { stdout } = await host.node.exec("ip", ["-6", "route", "show", "default"]);
    expect(stdout).toBe("");
    expect(advertised(await addresses(host.node, "br0"))).toEqual([]);
    // The control: what is heard is believed where accept_ra is on.
    expect(advertised(await addresses(host.node, "eth0", "listener"))).toHaveLength(1);
  });
});

const nodeRoutes = async (node: Node) => (await node.exec("ip", ["-6", "route", "show", "default"])).stdout;

describe.runIf(canRun("radvd", ...programs))("the node's own default route, learned from a router", () => {
  const learned = async () => {
    const host = await Host.create();
    const outside = await createOutside(host.node);
    await host.node.exec("sh", ["-ec", "ip -6 route del default; sysctl -qw net.ipv6.conf.all.forwarding=0"]);
    await host.node.exec("sysctl", ["-w", `net.ipv6.conf.${outside.uplink}.accept_ra=1`]);
    const router = await startRouter(outside, "eth0");
    await expect.poll(() => nodeRoutes(host.node), { timeout: 30_000 }).toContain("proto ra");
    const dispose = async () => {
      await outside.dispose();
      await host.node.dispose();
    };
    return { host, outside, router, [Symbol.asyncDispose]: dispose };
  };

  test("stays when ADD switches IPv6 forwarding on, and is learned again when it is lost", async () => {
    await using stage = await learned();
    const { host, outside } = stage;
    await host.add(await host.pod("a"), config);
    expect(await sysctl(host.node, "ipv6/conf/all/forwarding")).toBe("1");
    expect(await nodeRoutes(host.node)).toContain("proto ra");
    expect(await sysctl(host.node, `ipv6/conf/${outside.uplink}/accept_ra`)).toBe("2");
    await host.node.exec("ip", ["-6", "route", "del", "default"]);
    await expect.poll(() => nodeRoutes(host.node), { timeout: 30_000 }).toContain("proto ra");
  });

  test("is left alone by a network of IPv4, which switches nothing of IPv6", async () => {
    await using stage = await learned();
    const { host, outside } = stage;
    await host.add(await host.pod("a"), network({ isGateway: true }));
    expect(await nodeRoutes(host.node)).toContain("proto ra");
    expect(await sysctl(host.node, `ipv6/conf/${outside.uplink}/accept_ra`)).toBe("1");
  });
});
