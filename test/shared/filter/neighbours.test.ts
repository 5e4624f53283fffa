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
import {
  apply,
  check,
  collect,
  createPods,
  installVariants,
  masqueradeOf,
  natRules,
  owner,
  remove,
  tools,
  type Way,
  ways,
} from "./world.ts";

/** What else changes the packet filter of a node, each in tables of its own. */
const neighbours: readonly [string, string, string[]][] = [
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
    ["ip kube-proxy"],
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
    ["inet firewalld"],
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
    ["inet podwire2", "ip podwire"],
  ],
];

/** The same by iptables. */
const iptablesNeighbours: readonly [string, string][] = [
  [
    "a chain of the reference plugin",
    `*nat
:CNI-0123 - [0:0]
-A POSTROUTING -s 192.0.2.0/24 -m comment --comment "another's" -j CNI-0123
-A CNI-0123 -d 192.0.2.0/24 -j ACCEPT
-A CNI-0123 -j MASQUERADE
COMMIT
`,
  ],
  [
    "kube-proxy with iptables",
    `*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
-A KUBE-SERVICES -d 172.30.0.41/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
COMMIT
`,
  ],
  [
    "docker",
    `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
`,
  ],
];

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

/** The tables of a neighbour, without what counters count. */
const foreign = async (tables: readonly string[]): Promise<string> => {
  const lists = tables.map((table) => `nft list table ${table}`);
  const { stdout } = await node.exec("sh", ["-ec", lists.join("\n")]);
  return stdout.replace(/packets \d+ bytes \d+/g, "").trim();
};

const useAll = async (way: Way) => {
  await installVariants(node);
  await createPods(node, { a: ["10.1.0.2", "fd00:1::2"] });
  await startEcho(outside, 7000);
  const wanted = masqueradeOf(way, owner("c1"), ["10.1.0.2/24", "fd00:1::2/64"]);
  expect(await apply(node, wanted, way.variant)).toBeNull();
  expect(await check(node, wanted, way.variant)).toBeNull();
  for (const [address, seen] of [
    [outside.address4, outside.nodeAddress4],
    [outside.address6, outside.nodeAddress6],
  ] as const) {
    expect(await seenAddress(node, address, 7000, { netns: "a" })).toBe(seen);
  }
  expect(await remove(node, owner("c1"), way.variant)).toBeNull();
  expect(await collect(node, "net", [], way.variant)).toBeNull();
};

describe.runIf(canRun(...tools)).each(ways)("beside the rules of others ($how)", (way) => {
  test.each(neighbours)(
    "traffic is masqueraded, and they stay as they are: %s",
    async (_who, rules, tables) => {
      await node.exec("nft", ["-f", "-"], { input: rules });
      const before = await foreign(tables);
      expect(before.length).toBeGreaterThan(100);
      await useAll(way);
      expect(await foreign(tables)).toBe(before);
    },
  );

  test.each(iptablesNeighbours)(
    "traffic is masqueraded, and they stay as they are: %s",
    async (_who, rules) => {
      const tool = way.variant === "legacy" ? "iptables-legacy-restore" : "iptables-nft-restore";
      await node.exec(tool, ["-n"], { input: rules });
      const theirs = async () =>
        (await natRules(node, way.variant)).filter((rule) => !rule.includes("PODWIRE-"));
      const before = await theirs();
      expect(before.length).toBeGreaterThan(2);
      await useAll(way);
      expect(await theirs()).toEqual(before);
    },
  );
});
