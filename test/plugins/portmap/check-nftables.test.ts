import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { moveChain } from "../attachment/packet-filter.ts";
import { bridgeConfig, failed, PortHost, programs } from "./host.ts";

const mappings = [
  { hostPort: 8080, containerPort: 80 },
  { hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "203.0.113.2" },
];

/** Puts another rule in the place of one of ours, under its comment. */
const replace = (chain: string, comment: string, rule: string) =>
  `handle=$(nft -a list chain inet podwire ${chain} | grep -F "\\"${comment}\\"" | head -1 | sed 's/.*handle //')
   nft "replace rule inet podwire ${chain} handle $handle ${rule} comment \\"${comment}\\""`;

/** Saves our table, and removes it. */
const reload = "nft list table inet podwire > /run/saved; nft delete table inet podwire";
const moved = /"[^"]+" of the chain \S+ is changed/;

/** What programs may do to the table, and what CHECK says then. */
const drifts: readonly (readonly [string, string, RegExp])[] = [
  [
    "a rule that looks ports up",
    replace("to-any", "by protocol and port (IPv4)", "meta nfproto ipv4 accept"),
    /"by protocol and port \(IPv4\)" of the chain to-any is changed/,
  ],
  [
    "the rule for local addresses",
    replace("prerouting", "only to addresses of this host", "jump hostports"),
    /"only to addresses of this host" of the chain prerouting is changed/,
  ],
  [
    "the mark",
    replace("to-address", "a packet that is found carries the mark", "meta mark set meta mark or 0x4000"),
    /"a packet that is found carries the mark" of the chain to-address is changed/,
  ],
  [
    "the masquerade of neighbours",
    replace(
      "hairpin4-net-10.1.0.0/24-13-subnet",
      "the container itself and its neighbours",
      "ip saddr 10.1.0.0/24 accept",
    ),
    /"the container itself and its neighbours" of the chain hairpin4-net-10.1.0.0.24-13-subnet is changed/,
  ],
  [
    "the way to the masquerade",
    replace("hostports-postrouting", "targets4-net-10.1.0.0/24-13-subnet", "accept"),
    /"targets4-net-10.1.0.0.24-13-subnet" of the chain hostports-postrouting is changed/,
  ],
  [
    "the rule that keeps other hosts from localhost",
    replace("localhost", "only this host reaches its 127.0.0.0/8", "accept"),
    /127.0.0.0.8" of the chain localhost is changed/,
  ],
  ["a hook", moveChain("localhost", "prerouting priority raw", "input priority raw"), moved],
  ["a priority", moveChain("prerouting", "prerouting priority dstnat", "prerouting priority 5"), moved],
  [
    "a chain that became one without a hook",
    "nft flush chain inet podwire output; nft delete chain inet podwire output; nft add chain inet podwire output",
    /"::1 cannot lead to a container" of the chain output is missing/,
  ],
  ["a rule more", "nft add rule inet podwire localhost accept", /localhost has a rule too many/],
  ["a rule before ours", "nft insert rule inet podwire hostports return", /hostports is .*out of its place/],
  [
    "a rule that is gone",
    "nft flush chain inet podwire hostports-any",
    /of the chain hostports-any is missing/,
  ],
  ["the table", "nft flush table inet podwire", /of the chain \S+ is missing/],
  ["a map", "nft flush map inet podwire hostports4-any", /the set hostports4-any is missing, or was emptied/],
  [
    "a set of another network",
    "nft flush set inet podwire pods4-other-10.9.0.0/24",
    /the set pods4-other-10.9.0.0.24 is missing, or was emptied/,
  ],
  ["the ruleset, saved and loaded again", `${reload}; nft -f /run/saved`, moved],
  [
    "the ruleset, loaded beside what is there",
    "nft list table inet podwire > /run/saved; nft -f /run/saved",
    /has a rule too many/,
  ],
];

const lines = (text: string) => text.split("\n").sort();

const chains = async (host: PortHost) =>
  (await host.node.exec("nft", ["list", "table", "inet", "podwire"])).stdout.replace(
    /packets.*bytes \d+/g,
    "",
  );

describe.runIf(canRun(...programs))("CHECK (nftables)", () => {
  test.each(drifts)(
    "names what was changed, and the next ADD or DEL of any container repairs it: %s",
    async (_, change, words) => {
      await using host = await PortHost.create("nftables");
      const [pod, neighbour, third] = await host.bridge.pods("a", "b", "c");
      // Rules of another group, and of another network, in the same chains.
      const condition = {
        conditionsV4: ["ip", "saddr", "!=", "198.51.100.1"],
        markMasqBit: 20,
        name: "other",
      };
      const ipam = { type: "host-local", subnet: "10.9.0.0/24" };
      const elsewhere = { bridge: "br1", ipam };
      await host.attach(neighbour, [{ hostPort: 8096, containerPort: 80 }], condition, elsewhere);
      const result = await host.attach(pod, mappings);
      await host.check(pod, mappings, result);
      const before = await chains(host);
      const expectRepaired = async () => {
        await host.check(pod, mappings, result);
        expect(lines(await chains(host))).toEqual(lines(before));
      };

      const config = { ...host.config(mappings), prevResult: result };
      await host.node.exec("sh", ["-ec", change]);
      failed(await host.portmap.call("CHECK", pod, config), 999, words);
      const others = await host.attach(third, [{ hostPort: 8099, containerPort: 1 }]);
      await host.check(pod, mappings, result);
      await host.check(third, [{ hostPort: 8099, containerPort: 1 }], others);
      await host.node.exec("sh", ["-ec", change]);
      failed(await host.portmap.call("CHECK", pod, config), 999, words);
      await host.detach(third);
      await host.bridge.del(third, bridgeConfig());
      await expectRepaired();
    },
  );

  test.each([
    [
      "that is gone",
      "nft delete element inet podwire hostports4-any '{ tcp . 8080 }'",
      /is missing in the set/,
    ],
    [
      "that leads elsewhere",
      "nft delete element inet podwire hostports4-any '{ tcp . 8080 }'; nft add element inet podwire hostports4-any '{ tcp . 8080 : 192.0.2.9 . 80 }'",
      /leads elsewhere/,
    ],
  ])("names an element %s, and the next GC repairs it", async (_, change, words) => {
    await using host = await PortHost.create("nftables");
    const [pod, neighbour] = await host.bridge.pods("a", "b");
    const result = await host.attach(pod, mappings);
    const before = await chains(host);
    await host.node.exec("sh", ["-ec", change]);
    // After this ADD the ruleset is podwire's own again, as far as its generation says.
    await host.attach(neighbour, [{ hostPort: 8099, containerPort: 1 }]);
    const config = { ...host.config(mappings), prevResult: result };
    const run = await host.portmap.call("CHECK", pod, config);
    failed(run, 999, words);
    failed(run, 999, /the next GC on this node repairs it/);
    await host.portmap.gc(host.config(undefined), [pod]);
    await host.check(pod, mappings, result);
    await host.bridge.gc(bridgeConfig(), [pod]);
    expect(lines(await chains(host))).toEqual(lines(before));
  });
});
