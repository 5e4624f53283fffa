import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";
import { bridgeOf, tools, World, ways } from "./world.ts";

const one = bridgeOf("one", 1);
const inNft = ways[0] ?? never();

function never(): never {
  throw new Error("no way");
}

let world: World;
let pod: Pod;
let prevResult: Keys;
const start = async () => {
  world = await World.create(inNft);
  ({ pod, prevResult } = await world.attach("a", one));
};
afterEach(() => world[Symbol.asyncDispose]());

describe.runIf(canRun(...tools))("firewall", () => {
  beforeEach(start);

  const refused = async (keys: Keys, code: number, words: string | RegExp) => {
    const before = await world.node.snapshot();
    failed(await world.firewall.call("ADD", pod, { ...world.config(one), ...keys }), code, words);
    expect(await world.node.snapshot()).toEqual(before);
  };

  test.each<[string, Keys, string | RegExp]>([
    ["an unknown policy", { ingressPolicy: "closed" }, /"ingressPolicy" is unknown: "closed"/],
    ["an unknown backend", { backend: "pf" }, /"backend" is unknown: "pf"/],
    ["a chain of iptables itself", { iptablesAdminChainName: "FORWARD" }, /no name for a chain: "FORWARD"/],
    ["a chain with a space", { iptablesAdminChainName: "A B" }, /no name for a chain: "A B"/],
    ["a chain like an option", { iptablesAdminChainName: "-j" }, /no name for a chain/],
    ["a target of iptables", { iptablesAdminChainName: "REJECT" }, /no name for a chain: "REJECT"/],
    ["a name that is too long", { iptablesAdminChainName: "x".repeat(29) }, /no name for a chain/],
  ])("refuses %s before it changes anything", async (_, keys, words) => {
    await refused({ ...keys, prevResult }, 7, words);
  });

  test("says what is missing: a previous result, and a bridge for a policy", async () => {
    await refused({}, 7, /ADD needs prevResult/);
    const interfaces = (prevResult["interfaces"] as { sandbox?: string }[]).filter(({ sandbox }) => sandbox);
    const ips = (prevResult["ips"] as Keys[]).map((ip) => ({ ...ip, interface: 0 }));
    const inside = { ...prevResult, interfaces, ips };
    await refused(
      { prevResult: inside, ingressPolicy: "same-bridge" },
      7,
      /the previous result has no bridge/,
    );
  });

  test.each(["", "x".repeat(16), "br -j ACCEPT", "br\nCOMMIT\n#", "br\0"])(
    "refuses a previous result whose bridge cannot exist: %j",
    async (name) => {
      const interfaces = (prevResult["interfaces"] as { sandbox?: string }[]).map((each) =>
        each.sandbox === undefined ? { ...each, name } : each,
      );
      for (const backend of ["nftables", "iptables"]) {
        const keys = { prevResult: { ...prevResult, interfaces }, ingressPolicy: "isolated", backend };
        await refused(keys, 7, /the previous result has a bridge that cannot exist/);
      }
    },
  );

  test("a container without addresses has no rules, and loses those that it had", async () => {
    const plain = { ...prevResult, ips: [] };
    await world.add(pod, world.config(one, { prevResult: plain, ingressPolicy: "isolated" }));
    expect(await world.ours()).toEqual([]);
    await world.add(pod, world.config(one, { prevResult }));
    expect((await world.ours()).join("\n")).toContain("container=id-a");
    await world.add(pod, world.config(one, { prevResult: plain }));
    expect((await world.ours()).join("\n")).not.toContain("container=id-a");
    await world.check(pod, world.config(one, { prevResult: plain }));
  });

  test("a family that the container lacks is left alone", async () => {
    const ips = (prevResult["ips"] as { address: string }[]).filter(({ address }) => address.includes("."));
    await world.add(pod, world.config(one, { prevResult: { ...prevResult, ips } }));
    expect((await world.rules()).join("\n")).toContain("PODWIRE-GATE");
    const { stdout } = await world.node.exec("nft", ["list", "tables"]);
    expect(stdout).not.toContain("ip6 filter");
  });

  test("GC removes what attachments had that are gone, and the way through FORWARD with the last of them", async () => {
    const b = await world.attach("b", one);
    const config = world.config(one, { prevResult });
    await world.add(pod, config);
    await world.add(b.pod, world.config(one, { prevResult: b.prevResult }));
    await world.firewall.gc(world.config(one), [pod]);
    await world.check(pod, config);
    expect((await world.ours()).join("\n")).not.toContain("container=id-b");
    await world.firewall.gc(world.config(one), []);
    expect(await world.ours()).toEqual([]);
    expect((await world.rules()).filter((line) => line.startsWith(":CNI-ADMIN"))).toHaveLength(1);
  });

  test("an ADD with an address that another container left takes it over", async () => {
    await world.add(pod, world.config(one, { prevResult }));
    const next: Pod = { ...pod, containerId: "next" };
    const config = world.config(one, { prevResult });
    await world.add(next, config);
    await world.check(next, config);
    const text = (await world.ours()).join("\n");
    expect(text).toContain("container=next");
    expect(text).not.toContain("container=id-a");
  });

  test("deleted records come back from the kernel, with policies and the administrator's chain", async () => {
    const b = await world.attach("b", one);
    const keys = { prevResult, ingressPolicy: "isolated", iptablesAdminChainName: "SITE" };
    await world.add(pod, world.config(one, keys));
    const before = await world.ours();
    await world.node.exec("rm", ["-r", "/run/podwire/filter"]);
    await world.add(b.pod, world.config(one, { ...keys, prevResult: b.prevResult }));
    await world.del(b.pod, world.config(one));
    expect(await world.ours()).toEqual(before);
    await world.check(pod, world.config(one, keys));
    await world.del(pod, world.config(one));
    expect((await world.ours()).join("\n")).not.toContain("container=id-a");
  });

  test("other marks of a packet stay, and no mark that comes with it opens the way", async () => {
    await world.iptables("-P", "FORWARD", "DROP");
    await world.attach("b", one);
    await world.iptables("-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "0x31000");
    // The node's own packets, neighbour discovery among them, have no mark.
    const others = ["-m", "mark", "!", "--mark", "0x30000", "-m", "mark", "!", "--mark", "0x0"];
    await world.iptables("-t", "mangle", "-A", "POSTROUTING", ...others, "-j", "DROP");
    await world.add(pod, world.config(one, { prevResult }));
    expect(await world.reach("a")).toBe("46");
    expect(await world.reach("b", 1)).toBe("");
  });

  test("every iptables-nft lists the mark: the rule has its match module", async () => {
    await world.add(pod, world.config(one, { prevResult }));
    for (const family of ["ip", "ip6"]) {
      const list = ["--debug=netlink", "list", "chain", family, "filter", "PODWIRE-GATE"];
      expect((await world.node.exec("nft", list)).stdout).toContain("match name mark rev 1");
    }
    const rules = [...(await world.rules()), ...(await world.rules(6))];
    const accepting = rules.filter((line) => line.startsWith("-A PODWIRE-GATE") && line.endsWith("ACCEPT"));
    expect(accepting).toHaveLength(2);
    for (const line of accepting) expect(line).toContain("-m mark --mark 0x1000/0x1000");
  });

  test("a chain of another table that drops lets the mark pass, as the README has it", async () => {
    const table =
      "table inet filter { chain forward { type filter hook forward priority filter; policy drop; }; }";
    await world.node.exec("nft", ["-f", "-"], { input: table });
    await world.add(pod, world.config(one, { prevResult }));
    expect(await world.reach("a", 1)).toBe("");
    const words = "insert rule inet filter forward meta mark and 0x1000 == 0x1000 accept";
    await world.node.exec("nft", words.split(" "));
    expect(await world.reach("a")).toBe("46");
  });

  test("STATUS changes nothing", async () => {
    const before = await world.node.snapshot();
    const config = world.config(one, { ingressPolicy: "isolated" });
    expect((await world.firewall.call("STATUS", undefined, config)).exitCode).toBe(0);
    expect(await world.node.snapshot()).toEqual(before);
  });
});

/** In a version that the reference plugin of Debian knows. */
const former = bridgeOf("one", 1, { cniVersion: "1.0.0" });

describe.runIf(canRun(...tools, referencePlugin("firewall"))).each(ways)(
  "change-over with the reference plugin ($how)",
  (way) => {
    beforeEach(async () => {
      world = await World.create(way);
      await world.iptables("-P", "FORWARD", "DROP");
      ({ pod, prevResult } = await world.attach("a", former));
    });

    test("ours checks and removes what it made, and it removes nothing of ours", async () => {
      const theirs = new Host(world.node, referencePlugin("firewall"), referenceBin);
      const old = { ...world.config(former), cniVersion: "1.0.0", backend: "iptables" };
      const b = await world.attach("b", former);
      const extras = { env: world.env };
      await theirs.add(pod, { ...old, prevResult, ingressPolicy: "same-bridge" }, extras);
      await theirs.add(b.pod, { ...old, prevResult: b.prevResult }, extras);
      expect(await world.reach("a")).toBe("46");
      const config = world.config(former, { prevResult, cniVersion: "1.0.0" });
      await world.check(pod, { ...config, ingressPolicy: "same-bridge" });
      await world.del(pod, config);
      expect(await world.reach("a", 1.5)).toBe("");
      const left = (await world.rules()).filter((line) => line.startsWith("-A CNI-FORWARD -"));
      expect(left.filter((line) => line.includes("10.1.0.2"))).toEqual([]);
      expect(left.filter((line) => line.includes("10.1.0.3"))).toHaveLength(2);
      failed(await world.firewall.call("CHECK", pod, config, extras), 999);
      // Back: the reference's DEL of what ours made leaves the rest to the next GC of ours.
      await world.add(pod, config);
      await theirs.del(pod, { ...old, prevResult }, extras);
      expect(await world.reach("a")).toBe("46");
      await world.check(pod, config);
      await theirs.check(b.pod, old, b.prevResult, extras);
      await world.firewall.gc(world.config(one), []);
      expect(await world.reach("a", 1.5)).toBe("");
      expect(await world.reach("b")).toBe("46");
    });

    test("a rule of the reference that is missing is named", async () => {
      const theirs = new Host(world.node, referencePlugin("firewall"), referenceBin);
      const old = { ...world.config(former), cniVersion: "1.0.0", backend: "iptables", prevResult };
      await theirs.add(pod, old, { env: world.env });
      await world.node.exec("iptables", ["-D", "CNI-FORWARD", "-s", "10.1.0.2/32", "-j", "ACCEPT"], {
        env: world.env,
      });
      const config = world.config(former, { prevResult, cniVersion: "1.0.0" });
      const run = await world.firewall.call("CHECK", pod, config, { env: world.env });
      failed(run, 999, /rule of the reference plugin is missing: one for 10\.1\.0\.2\/32/);
    });
  },
);
