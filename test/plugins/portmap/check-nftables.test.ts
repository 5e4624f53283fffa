import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { moveChain } from "../attachment/packet-filter.ts";
import { failed, PortHost, programs } from "./host.ts";

const mappings = [
  { hostPort: 8080, containerPort: 80 },
  { hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "203.0.113.2" },
];

/** Puts another rule in the place of one of ours, under its comment. */
const replace = (chain: string, comment: string, rule: string) =>
  `handle=$(nft -a list chain inet podwire ${chain} | grep -F "\\"${comment}\\"" | head -1 | sed 's/.*handle //')
   nft "replace rule inet podwire ${chain} handle $handle ${rule} comment \\"${comment}\\""`;

/** What somebody may do to the table, and what CHECK says then. */
const drifts: readonly (readonly [string, string, RegExp])[] = [
  [
    "a rule that looks ports up",
    replace("to-any", "by protocol and port", "meta nfproto ipv4 accept"),
    /"by protocol and port" of the chain to-any is changed/,
  ],
  [
    "the rule for local addresses",
    replace("prerouting", "only what is for this host", "jump hostports"),
    /"only what is for this host" of the chain prerouting is changed/,
  ],
  [
    "the mark",
    replace("to-address", "what is found carries the mark", "meta mark set meta mark or 0x4000"),
    /"what is found carries the mark" of the chain to-address is changed/,
  ],
  [
    "the masquerade of neighbours",
    replace("hairpin", "from neighbours in 10.1.0.0/24", "ip saddr 10.1.0.0/24 accept"),
    /"from neighbours in 10.1.0.0.24" of the chain hairpin is changed/,
  ],
  [
    "the way to the masquerade",
    replace("hostports-postrouting", "marked with bit 13: came through a host port", "accept"),
    /"marked with bit 13.*hostports-postrouting is changed/,
  ],
  [
    "the guard of localhost",
    replace("guard", "nobody else speaks to this host's localhost", "accept"),
    /localhost" of the chain guard is changed/,
  ],
  [
    "the hook of the guard",
    moveChain("guard", "prerouting priority raw", "input priority raw"),
    /chain guard has type filter hook input priority -300 instead of .*hook prerouting priority -300/,
  ],
  [
    "the priority of a chain",
    moveChain("prerouting", "prerouting priority dstnat", "prerouting priority 5"),
    /chain prerouting has .*priority 5 instead of .*priority -100/,
  ],
  [
    "the priority of a chain with rules of others",
    `nft add rule inet podwire hostports-postrouting ip daddr 198.51.100.9 return
     ${moveChain("hostports-postrouting", "postrouting priority srcnat - 1", "postrouting priority 42")}`,
    /chain hostports-postrouting has .*priority 42 instead of/,
  ],
  [
    "a chain that became one without a hook",
    "nft flush chain inet podwire output; nft delete chain inet podwire output; nft add chain inet podwire output",
    /chain output has no hook instead of type nat hook output/,
  ],
  ["a rule more", "nft add rule inet podwire guard accept", /guard has a rule too many/],
  ["a rule before ours", "nft insert rule inet podwire hairpin return", /hairpin is .*out of its place/],
];

const chains = async (host: PortHost) =>
  (await host.node.exec("nft", ["list", "table", "inet", "podwire"])).stdout.replace(
    /packets.*bytes \d+/g,
    "",
  );

describe.runIf(canRun(...programs))("CHECK (nftables)", () => {
  test.each(drifts)("names what was changed, and ADD repairs it: %s", async (_, change, words) => {
    await using host = await PortHost.create("nftables");
    const [pod, neighbour] = await host.bridge.pods("a", "b");
    // Rules of another profile, and of another network, in the same chains.
    const condition = { conditionsV4: ["ip", "saddr", "!=", "198.51.100.1"], markMasqBit: 20, name: "other" };
    const ipam = { type: "host-local", subnet: "10.9.0.0/24" };
    await host.attach(neighbour, [{ hostPort: 8096, containerPort: 80 }], condition, { bridge: "br1", ipam });
    const result = await host.attach(pod, mappings);
    await host.check(pod, mappings, result);
    const before = await chains(host);

    await host.node.exec("sh", ["-ec", change]);
    const config = { ...host.config(mappings), prevResult: result };
    failed(await host.portmap.call("CHECK", pod, config), 999, words);

    await host.portmap.add(pod, host.config(mappings, result));
    await host.check(pod, mappings, result);
    const after = await chains(host);
    const lines = (text: string) => text.split("\n").sort();
    expect(lines(after).filter((line) => !/^\s*(ip daddr 198.51.100.9 )?return$/.test(line))).toEqual(
      lines(before),
    );
  });

  test("takes a table that was saved and loaded again", async () => {
    await using host = await PortHost.create("nftables");
    const pod = await host.bridge.pod("a");
    const keys = {
      conditionsV4: ["ip", "saddr", "!=", "198.51.100.1", "iifname", "!=", "eth9"],
      masqAll: true,
    };
    const result = await host.attach(pod, mappings, keys);
    const before = await chains(host);
    await host.node.exec("sh", [
      "-ec",
      "nft list table inet podwire > /run/saved; nft delete table inet podwire; nft -f /run/saved",
    ]);
    await host.check(pod, mappings, result, keys);
    await host.portmap.add(pod, host.config(mappings, result, keys));
    expect(await chains(host)).toBe(before);
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe("10.1.0.1");
  });
});
