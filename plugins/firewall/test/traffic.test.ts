import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, seenAddress, startEcho } from "../../../test/helpers/index.ts";
import { failed, Host } from "../../../test/plugins/attachment/host.ts";
import { bridgeOf, tools, World, ways } from "./world.ts";

const one = bridgeOf("one", 1);
const two = bridgeOf("two", 2);
const inOne = (host: number) => [`10.1.0.${host}`, `fd00:1::${host}`] as const;
const inTwo = (host: number) => [`10.2.0.${host}`, `fd00:2::${host}`] as const;
/** For what must not come through: long enough for neighbours to be found, which IPv6 takes a second for. */
const SHORT = 1.5;

/** What docker and kube-proxy have in the table filter, on a node that drops what it forwards. */
const neighbours = `*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:DOCKER-FORWARD - [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -o docker0 -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
COMMIT
`;

let world: World;

describe.runIf(canRun(...tools)).each(ways)("where FORWARD has the policy DROP ($how)", (way) => {
  beforeEach(async () => {
    world = await World.create(way);
    await world.iptables("-P", "FORWARD", "DROP");
  });
  afterEach(() => world[Symbol.asyncDispose]());

  test("a container reaches what is outside from ADD to DEL; others do not, and the outside does not reach it", async () => {
    const a = await world.attach("a", one);
    await world.attach("b", one);
    expect(await world.reach("a", SHORT)).toBe("");
    const config = world.config(one, { prevResult: a.prevResult });
    await world.add(a.pod, config);
    expect(await world.reach("a")).toBe("46");
    await world.check(a.pod, config);
    expect(await world.reach("b", SHORT)).toBe("");
    expect(await world.reachedFromOutside(...inOne(2), SHORT)).toBe("");
    await world.del(a.pod, world.config(one));
    expect(await world.reach("a", SHORT)).toBe("");
    failed(await world.firewall.call("CHECK", a.pod, config, { env: world.env }), 999);
    await world.del(a.pod, world.config(one));
  });

  test("docker's and kube-proxy's rules stay as they are, and the traffic passes", async () => {
    for (const tool of ["iptables-restore", "ip6tables-restore"])
      await world.node.exec(tool, ["-n"], { input: neighbours, env: world.env });
    const theirs = async () => (await world.rules()).filter((line) => !/PODWIRE|CNI-ADMIN/.test(line));
    const before = await theirs();
    expect(before.length).toBeGreaterThan(8);
    const { pod, prevResult } = await world.attach("a", one);
    const config = world.config(one, { prevResult });
    await world.add(pod, config);
    expect(await world.reach("a")).toBe("46");
    expect(await theirs()).toEqual(before);
    await world.del(pod, config);
    await world.firewall.gc(world.config(one), []);
    expect(await theirs()).toEqual(before);
    expect(await world.reach("a", SHORT)).toBe("");
  });

  test("a port of the host leads to the container from outside; without it nothing new comes in", async () => {
    const { pod, prevResult } = await world.attach("a", one);
    const portmap = new Host(world.node, builtPlugin("portmap"));
    const ports = { cniVersion: "1.1.0", name: "one", type: "portmap", prevResult };
    const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80 }] };
    await portmap.add(pod, { ...ports, runtimeConfig }, { env: world.env });
    await using _server = await startEcho(world.node, 80, "a");
    const { outside } = world;
    const port = (address: string, number: number, milliseconds = 3000) =>
      seenAddress(outside, address, number, { milliseconds });
    expect(await port(outside.nodeAddress4, 8080, 700)).toBeUndefined();
    await world.add(pod, world.config(one, { prevResult }));
    expect(await port(outside.nodeAddress4, 8080)).toBe(outside.address4);
    expect(await port(outside.nodeAddress6, 8080)).toBe(outside.address6);
    expect(await port(inOne(2)[0], 80, 700)).toBeUndefined();
    expect(await port(inOne(2)[1], 80, 700)).toBeUndefined();
  });

  test("the administrator's chain is asked first, and stays", async () => {
    const { pod, prevResult } = await world.attach("a", one);
    await world.iptables("-N", "SITE");
    await world.iptables("-A", "SITE", "-o", world.outside.uplink, "-j", "DROP");
    const config = world.config(one, { prevResult, iptablesAdminChainName: "SITE" });
    await world.add(pod, config);
    await world.check(pod, config);
    expect(await world.reach("a", SHORT)).toBe("");
    await world.iptables("-F", "SITE");
    expect(await world.reach("a")).toBe("46");
    await world.iptables("-A", "SITE", "-j", "RETURN");
    await world.del(pod, config);
    await world.firewall.gc(world.config(one), []);
    expect((await world.rules()).filter((line) => line.includes("SITE"))).toContain("-A SITE -j RETURN");
  });

  test("the chain CNI-ADMIN is made for the administrator", async () => {
    const { pod, prevResult } = await world.attach("a", one);
    await world.add(pod, world.config(one, { prevResult }));
    await world.iptables("-I", "CNI-ADMIN", "-o", world.outside.uplink, "-j", "DROP");
    expect(await world.reach("a", SHORT)).toBe("");
  });

  test("what iptables-save lists can be restored, and lets the same through", async () => {
    const { pod, prevResult } = await world.attach("a", one);
    const config = world.config(one, { prevResult });
    await world.add(pod, config);
    for (const tool of ["iptables", "ip6tables"]) {
      const saved = await world.node.exec(`${tool}-save`, [], { env: world.env });
      await world.node.exec(`${tool}-restore`, [], { input: saved.stdout, env: world.env });
    }
    expect(await world.reach("a")).toBe("46");
    await world.check(pod, config);
    await world.attach("b", one);
    expect(await world.reach("b", SHORT)).toBe("");
    await world.del(pod, config);
    expect(await world.reach("a", SHORT)).toBe("");
  });

  test("a flush is named by CHECK, and repaired by the next call of another container", async () => {
    const a = await world.attach("a", one);
    const b = await world.attach("b", two);
    const config = world.config(one, { prevResult: a.prevResult });
    const other = world.config(two, { prevResult: b.prevResult });
    for (const flush of ["-F", "PODWIRE"]) {
      await world.add(a.pod, config);
      expect(await world.reach("a")).toBe("46");
      if (flush === "-F") await world.iptables("-F");
      else await world.node.exec("nft", ["flush", "ruleset"]);
      await world.iptables("-P", "FORWARD", "DROP");
      // What is in the other packet filter stays.
      if (flush === "-F" || way.how !== "iptables, legacy") {
        expect(await world.reach("a", SHORT)).toBe("");
        const run = await world.firewall.call("CHECK", a.pod, config, { env: world.env });
        failed(run, 999, "the firewall");
      }
      await world.add(b.pod, other);
      expect(await world.reach("a")).toBe("46");
      await world.check(a.pod, config);
      await world.del(b.pod, other);
    }
  });
});

describe.runIf(canRun(...tools)).each(ways)("ingressPolicy ($how)", (way) => {
  beforeEach(async () => {
    world = await World.create(way);
    await world.iptables("-P", "FORWARD", "DROP");
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const start = async (policyOne: string, policyTwo: string) => {
    const a = await world.attach("a", one);
    const b = await world.attach("b", two);
    const configs = [
      world.config(one, { prevResult: a.prevResult, ingressPolicy: policyOne }),
      world.config(two, { prevResult: b.prevResult, ingressPolicy: policyTwo }),
    ] as const;
    await world.add(a.pod, configs[0]);
    await world.add(b.pod, configs[1]);
    await world.check(a.pod, configs[0]);
    await world.check(b.pod, configs[1]);
    return { a, b, configs };
  };

  test("open: containers of two bridges reach each other where both have the firewall", async () => {
    await start("open", "");
    expect(await world.reached("a", inTwo(2))).toBe("46");
    expect(await world.reached("b", inOne(2))).toBe("46");
  });

  test("same-bridge: they do not, and each reaches its neighbours and what is outside", async () => {
    const { a, configs } = await start("same-bridge", "same-bridge");
    const c = await world.attach("c", one);
    // br_netfilter may hand neighbour discovery on the bridge to the packet filter, which never tracks it.
    await world.add(c.pod, world.config(one, { prevResult: c.prevResult, ingressPolicy: "same-bridge" }));
    expect(await world.reached("a", inTwo(2), SHORT)).toBe("");
    expect(await world.reached("b", inOne(2), SHORT)).toBe("");
    expect(await world.reached("a", inOne(3))).toBe("46");
    expect(await world.reach("a")).toBe("46");
    expect(await world.reach("b")).toBe("46");
    // The last container of a bridge takes the policy of it along.
    await world.del(c.pod, configs[0]);
    await world.del(a.pod, configs[0]);
    await world.add(a.pod, { ...configs[0], ingressPolicy: "open" });
    expect(await world.reached("a", inTwo(2))).toBe("46");
  });

  test("isolated: not even neighbours, as far as the host forwards between them", async () => {
    const { a, configs } = await start("isolated", "open");
    const c = await world.attach("c", one);
    await world.add(c.pod, world.config(one, { prevResult: c.prevResult, ingressPolicy: "isolated" }));
    // By way of the gateway: without it the bridge forwards frames that the host does not see.
    for (const [name, other] of [
      ["a", 3],
      ["c", 2],
    ] as const) {
      const run = (...words: string[]) => world.node.exec("ip", words, { netns: name });
      await run("route", "replace", `10.1.0.${other}/32`, "via", "10.1.0.1");
      await run("-6", "route", "replace", `fd00:1::${other}/128`, "via", "fd00:1::1");
    }
    for (const key of ["all", "br-one"])
      await world.node.exec("sysctl", ["-qw", `net.ipv4.conf.${key}.send_redirects=0`]);
    expect(await world.reached("a", inOne(3), SHORT)).toBe("");
    expect(await world.reach("a")).toBe("46");
    await world.del(a.pod, configs[0]);
    await world.del(c.pod, world.config(one));
    for (const { pod, prevResult } of [a, c])
      await world.add(pod, world.config(one, { prevResult, ingressPolicy: "same-bridge" }));
    expect(await world.reached("a", inOne(3))).toBe("46");
  });
});
