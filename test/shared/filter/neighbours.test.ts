import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  createOutside,
  type Node,
  type Outside,
  seenAddress,
  startEcho,
} from "../../helpers/index.ts";
import { apply, check, collect, createPods, masqueradeOf, nftablesWay, owner, remove } from "./world.ts";

/** What else changes the packet filter of a node, each in tables of its own. */
const neighbours: readonly [string, string][] = [
  [
    "kube-proxy",
    `table ip kube-proxy {
      comment "rules for kube-proxy"
      map service-ips {
        type ipv4_addr . inet_proto . inet_service : verdict
        elements = { 172.30.0.41 . tcp . 80 : goto service-a }
      }
      set cluster-ips {
        type ipv4_addr
        elements = { 172.30.0.41 }
      }
      chain nat-postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        jump masquerading
      }
      chain nat-prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr . meta l4proto . th dport vmap @service-ips
      }
      chain masquerading {
        meta mark & 0x00004000 == 0 return
        meta mark set meta mark ^ 0x00004000
        masquerade fully-random
      }
      chain service-a {
        meta l4proto tcp dnat to 10.1.0.9:80
      }
    }`,
  ],
  [
    "firewalld",
    `table inet firewalld {
      chain nat_POSTROUTING {
        type nat hook postrouting priority srcnat + 10; policy accept;
        jump nat_POSTROUTING_POLICIES
      }
      chain nat_POSTROUTING_POLICIES {
        oifname "docker0" goto nat_POST_public
      }
      chain nat_POST_public {
        meta nfproto ipv4 oifname != "lo" masquerade
      }
      chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state established,related accept
        ct state invalid drop
      }
    }`,
  ],
  [
    "a table of nearly our name",
    `table inet podwire2 {
      set attachments { type ifname; elements = { "eth0" }; }
      set pods4-net-10.1.0.0/24 { type ipv4_addr; elements = { 10.1.0.2 comment "podwire network=net container=c1 interface=eth0" }; }
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip daddr 198.51.100.0/24 accept
      }
    }
    table ip podwire {
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip daddr 198.51.100.0/24 accept
      }
    }`,
  ],
];

const iptablesNft = `*nat
:CNI-0123 - [0:0]
-A POSTROUTING -s 192.0.2.0/24 -m comment --comment "another's" -j CNI-0123
-A CNI-0123 -d 192.0.2.0/24 -j ACCEPT
-A CNI-0123 -j MASQUERADE
COMMIT
`;

let node: Node;
let outside: Outside;
beforeEach(async () => {
  node = await createNode();
  outside = await createOutside(node);
});
afterEach(async () => {
  await outside.dispose();
  await node.dispose();
});

/** The ruleset without our own table. */
const foreign = async (): Promise<string> => {
  const { stdout } = await node.exec("nft", ["list", "ruleset"], { reject: false });
  return stdout
    .replace(/table inet podwire \{\n[\s\S]*?\n\}\n?/, "")
    .replace(/packets \d+ bytes \d+/g, "")
    .trim();
};

const useAll = async () => {
  await createPods(node, { a: ["10.1.0.2", "fd00:1::2"] });
  await startEcho(outside, 7000);
  const wanted = masqueradeOf(nftablesWay, owner("c1"), ["10.1.0.2/24", "fd00:1::2/64"]);
  expect(await apply(node, wanted)).toBeNull();
  expect(await check(node, wanted)).toBeNull();
  for (const [address, seen] of [
    [outside.address4, outside.nodeAddress4],
    [outside.address6, outside.nodeAddress6],
  ] as const) {
    expect(await seenAddress(node, address, 7000, { netns: "a" })).toBe(seen);
  }
  expect(await remove(node, owner("c1"))).toBeNull();
  expect(await collect(node, "net", [])).toBeNull();
};

describe.runIf(canRun("nft", "iptables-nft-restore", "ip"))("beside the rules of", () => {
  test.each(neighbours)("%s: traffic is masqueraded, and they stay as they are", async (_who, rules) => {
    await node.exec("nft", ["-f", "-"], { input: rules });
    const before = await foreign();
    expect(before.length).toBeGreaterThan(100);
    await useAll();
    expect(await foreign()).toBe(before);
  });

  test("iptables-nft: traffic is masqueraded, and they stay as they are", async () => {
    await node.exec("iptables-nft-restore", ["-n"], { input: iptablesNft });
    const before = await foreign();
    expect(before).toContain("CNI-0123");
    await useAll();
    expect(await foreign()).toBe(before);
  });
});
