import { expect, test } from "vitest";
import {
  builtPlugin,
  canRun,
  createNode,
  type Node,
  referenceBin,
  referencePlugin,
} from "../../helpers/index.ts";
import { failed, Host, hostLocal, type Keys, type Pod } from "./host.ts";
import { routes } from "./kernel-state.ts";

const families = [4, 6] as const;
const everywhere = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** Two networks, each of which gives the container a default route of both families. */
const networks = ["one", "two"].map((name, at): Keys => {
  const ranges = [`10.${at + 1}.0.0/24`, `fd00:${at + 1}::/64`];
  const given = Object.values(everywhere).map((dst) => ({ dst }));
  return {
    cniVersion: "1.0.0",
    name,
    bridge: `br${at}`,
    isGateway: true,
    ipam: hostLocal(ranges, { routes: given }),
  };
});

const interfaceNames = ["eth0", "net1"];

/** Attaches a container to both networks. */
async function attachTwice(node: Node, type: string, executable: string, path?: string) {
  const host = new Host(node, executable, path);
  const pod = await host.pod("a");
  const attached: { readonly pod: Pod; readonly config: Keys; readonly result: unknown }[] = [];
  for (const [at, network] of networks.entries()) {
    const each = { ...pod, ifname: interfaceNames[at] ?? "" };
    const config = { ...network, type };
    attached.push({ pod: each, config, result: await host.add(each, config) });
  }
  return attached;
}

/** The interfaces of the default routes, in the kernel's order. */
const defaults = async (node: Node, family: 4 | 6) => {
  const shown = await routes(node, family, "a");
  return shown
    .filter(({ dst }) => dst === "default")
    .map(({ dev, nexthops }) => nexthops?.map((hop) => hop.dev) ?? [dev]);
};

const places = ["bridge", "ptp"] as const;

test.runIf(canRun("ip")).each(places)("CHECK of each of two default routes passes (%s)", async (type) => {
  await using node = await createNode();
  const attached = await attachTwice(node, type, builtPlugin(type));
  const host = new Host(node, builtPlugin(type));
  for (const { pod, config, result } of attached) await host.check(pod, config, result);
});

test.runIf(canRun("ip", referencePlugin("bridge"), referencePlugin("ptp"))).each(places)(
  "of two default routes the same one wins as with the reference (%s)",
  async (type) => {
    await using own = await createNode();
    await using other = await createNode();
    await attachTwice(own, type, builtPlugin(type));
    await attachTwice(other, type, referencePlugin(type), referenceBin);
    for (const family of families) {
      expect(await defaults(own, family)).toEqual(await defaults(other, family));
    }
  },
);

/** What an operator may make of two default routes. */
const joined: readonly (readonly [string, readonly string[]])[] = [
  [
    "one route with two next hops",
    [
      "route flush default",
      "route add default nexthop via 10.1.0.1 dev eth0 nexthop via 10.2.0.1 dev net1",
      "-6 route flush default",
      "-6 route add default nexthop via fd00:1::1 dev eth0 nexthop via fd00:2::1 dev net1",
    ],
  ],
  [
    "nexthop objects",
    [
      "route flush default",
      "-6 route flush default",
      "nexthop add id 1 via 10.1.0.1 dev eth0",
      "nexthop add id 2 via 10.2.0.1 dev net1",
      "nexthop add id 3 group 1/2",
      "route add default nhid 3",
      "nexthop add id 4 via fd00:1::1 dev eth0",
      "nexthop add id 5 via fd00:2::1 dev net1",
      "nexthop add id 6 group 4/5",
      "-6 route add default nhid 6",
    ],
  ],
];

test.runIf(canRun("ip")).each(joined)(
  "CHECK of both networks passes with %s, and fails without",
  async (_, commands) => {
    await using node = await createNode();
    const attached = await attachTwice(node, "bridge", builtPlugin("bridge"));
    const host = new Host(node, builtPlugin("bridge"));
    const inside = (command: string) => node.exec("ip", ["-n", "a", ...command.split(" ")]);
    for (const command of commands) await inside(command);
    for (const { pod, config, result } of attached) await host.check(pod, config, result);
    await inside(`route delete default${commands.some((each) => each.includes("nhid 3")) ? " nhid 3" : ""}`);
    for (const { pod, config, result } of attached) {
      failed(await host.call("CHECK", pod, { ...config, prevResult: result }), 999, "the route to 0.0.0.0/0");
    }
  },
);

test.runIf(canRun("ip"))("CHECK passes where the kernel hides the gateways of nexthop objects", async () => {
  await using node = await createNode();
  const [attached] = await attachTwice(node, "bridge", builtPlugin("bridge"));
  if (attached === undefined) throw new Error("not attached");
  const { pod, config, result } = attached;
  const inside = (command: string) => node.exec("ip", ["-n", "a", ...command.split(" ")]);
  await node.exec("ip", ["netns", "exec", "a", "sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0"]);
  await inside("route flush default");
  await inside("nexthop add id 1 via 10.1.0.1 dev eth0");
  await inside("route add default nhid 1");
  await new Host(node, builtPlugin("bridge")).check(pod, config, result);
});

test.runIf(canRun("ip", referencePlugin("bridge"), referencePlugin("ptp"))).each(places)(
  "a route of the gateway 0.0.0.0 is as the reference makes it, and passes CHECK (%s)",
  async (type) => {
    const given = [{ dst: "0.0.0.0/0", gw: "0.0.0.0" }];
    const config = {
      cniVersion: "1.0.0",
      name: "net",
      type,
      isDefaultGateway: true,
      ipam: hostLocal(["10.1.0.0/24"], { routes: given }),
    };
    await using node = await createNode();
    const host = new Host(node, builtPlugin(type));
    const reference = new Host(node, referencePlugin(type), referenceBin);
    const made = await host.pod("a");
    const former = await host.pod("b");
    const result = await host.add(made, config);
    const referenceResult = await reference.add(former, config);
    expect(result.routes).toEqual(referenceResult.routes);
    const hops = async (name: string) =>
      (await routes(node, 4, name)).map(({ dst, dev, gateway }) => ({ dst, dev, gateway }));
    expect(await hops("a")).toContainEqual({ dst: "default", dev: "eth0", gateway: undefined });
    expect((await hops("a")).filter(({ dst }) => dst === "default")).toEqual(
      (await hops("b")).filter(({ dst }) => dst === "default"),
    );
    await host.check(made, config, result);
    await host.check(former, config, referenceResult);
    await reference.check(made, config, result);
  },
);
