/** Hosts that others have set up: IPv6 off by default, and a read-only /proc/sys. */
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node, ping } from "../../helpers/index.ts";
import { makeUnderlay, network as overlay } from "../vxlan/single-node.ts";
import { failed, Host, hostLocal, type Keys, subnet4, subnet6 } from "./host.ts";
import { containerState, hostState, reservations, sysctl } from "./kernel-state.ts";

/** A network with ranges of these families, as each plugin has it. The overlay has two subnets of its own in the mode l3. */
const networks: Record<string, (subnets: readonly string[]) => Keys> = {
  bridge: (subnets) => ({ type: "bridge", bridge: "br0", isGateway: true, ipam: hostLocal(subnets) }),
  "bridge with masquerade": (subnets) => ({
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    ipam: hostLocal(subnets),
  }),
  ptp: (subnets) => ({ type: "ptp", ipam: hostLocal(subnets) }),
  "vxlan in the mode l2": (subnets) => overlay("l2", [2], { isGateway: true, ipam: hostLocal(subnets) }),
  "vxlan in the mode l3": (subnets) => {
    const l3 = subnets.map((subnet) =>
      subnet === subnet4 ? ["10.244.0.0/16", "10.244.1.0/24"] : ["fd00:244::/48", "fd00:244:0:1::/64"],
    );
    const theirs = subnets.map((subnet) => (subnet === subnet4 ? "10.244.2.0/24" : "fd00:244:0:2::/64"));
    return overlay("l3", [], {
      discovery: { type: "static", peers: [{ vtep: "192.0.2.2", subnets: theirs }] },
      l3: { network: l3.map(([all]) => all), subnets: l3.map(([, own]) => own) },
    });
  },
};
const names = Object.keys(networks);

const programs = ["ip", "nft", "ping", "sysctl", "mount"];

/** Attaches two containers that reach each other, and takes them down. `prepare`: what is done before. */
async function expectToWork(node: Node, config: Keys, prepare: () => Promise<unknown>): Promise<void> {
  const host = new Host(node, builtPlugin(String(config["type"])));
  const whole = { ...config, cniVersion: "1.1.0", name: "net" };
  const [a, b] = await host.pods("a", "b");
  await prepare();
  const first = await host.add(a, whole);
  const second = await host.add(b, whole);
  await host.check(a, whole, first);
  for (const { address } of second.ips as { address: string }[]) {
    expect(await ping(node, address.replace(/\/.*/, ""), { netns: "a" }), address).toBe(true);
  }
  await host.check(b, whole, second);
  for (const pod of [a, b]) await host.del(pod, whole);
}

/** Like a container runtime that gives no privileges. The mount is seen by the node alone. */
const lockSysctls = (node: Node) =>
  node.exec("sh", [
    "-ec",
    "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; ! echo 1 2> /dev/null > /proc/sys/net/ipv4/ip_forward",
  ]);

async function createUnderlayNode(): Promise<Node> {
  const node = await createNode();
  await makeUnderlay(new Host(node, builtPlugin("vxlan")));
  return node;
}

describe.runIf(canRun(...programs)).each(names)("%s", (name) => {
  const make = networks[name] as (subnets: readonly string[]) => Keys;

  test("works where the host has IPv6 off by default", async () => {
    await using node = await createUnderlayNode();
    const off = ["-qw", "net.ipv6.conf.default.disable_ipv6=1"];
    await expectToWork(node, make([subnet4, subnet6]), async () => {
      await node.exec("sysctl", off);
      for (const netns of ["a", "b"]) await node.exec("sysctl", off, { netns });
    });
    expect(await sysctl(node, "ipv6/conf/default/disable_ipv6")).toBe("1");
  });

  test.each([
    ["IPv4 alone", [subnet4], ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=0"]],
    ["two families", [subnet4, subnet6], ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]],
  ])("works where /proc/sys is read-only and has what the network needs: %s", async (_, subnets, values) => {
    await using node = await createUnderlayNode();
    await node.exec("sysctl", ["-qw", ...values]);
    await expectToWork(node, make(subnets), () => lockSysctls(node));
  });
});

describe.runIf(canRun(...programs)).each(["bridge", "ptp"])("where /proc/sys is read-only, %s", (name) => {
  const config = (subnets: readonly string[]): Keys => ({
    ...networks[name]?.(subnets),
    cniVersion: "1.1.0",
    name: "net",
  });

  test.each([
    ["net.ipv4.ip_forward=0", [subnet4], /could not switch on IPv4 forwarding/, "net.ipv4.ip_forward=1"],
    [
      "net.ipv6.conf.all.forwarding=0",
      [subnet6],
      /could not switch on IPv6 forwarding/,
      "net.ipv6.conf.all.forwarding=1",
    ],
    [
      "net.ipv6.conf.default.disable_ipv6=1",
      [subnet6],
      /could not switch on IPv6 on \w+/,
      /sysctl -w net\.ipv6\.conf\.\w+\.disable_ipv6=0/,
    ],
  ] as const)("says which sysctl to set, and leaves nothing: %s", async (value, subnets, message, advice) => {
    await using node = await createNode();
    await node.exec("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", value]);
    const host = new Host(node, builtPlugin(name));
    const pod = await host.pod("a");
    await lockSysctls(node);
    const state = async () => [
      // The store remembers the last address that it gave.
      { ...(await hostState(node)), files: await reservations(node) },
      await containerState(node, "a"),
    ];
    const before = await state();
    const run = await host.call("ADD", pod, config(subnets));
    failed(run, 5, message);
    expect(JSON.parse(run.stdout).details).toMatch(advice);
    expect(await state()).toEqual(before);
  });
});
