/** Configurations that cannot work, with the errors that ADD reports: common keys and the mode l2. */
import type { Keys } from "./world.ts";

/** Addresses of that many nodes. */
export const peers = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    vtep: `198.51.${100 + Math.floor(at / 200)}.${(at % 200) + 1}`,
  }));
export const discovery = (list: unknown) => ({ discovery: { type: "static", peers: list } });

export interface Bad {
  readonly what: string;
  readonly mode?: "l3";
  readonly keys: Keys;
  readonly code?: number;
  readonly words: RegExp;
}

export const peer = (keys: Keys) => discovery([{ vtep: "192.0.2.2", ...keys }]);

export const bad: readonly Bad[] = [
  { what: "no mode", keys: { mode: undefined }, words: /"mode" is missing/ },
  { what: "unknown mode", keys: { mode: "l4" }, words: /"mode" is "l4"/ },
  { what: "no VNI", keys: { vni: undefined }, words: /"vni" is missing/ },
  { what: "VNI too large", keys: { vni: 16777216 }, words: /"vni" is 16777216.*0 to 16777215/ },
  { what: "negative VNI", keys: { vni: -1 }, words: /"vni" is -1/ },
  { what: "VNI of another type", keys: { vni: "100" }, code: 6, words: /"vni" must be a whole number/ },
  { what: "port", keys: { port: 65536 }, words: /"port" is 65536/ },
  { what: "the port of DNS", keys: { port: 53 }, words: /"port" is 53, the port of DNS/ },
  { what: "source ports", keys: { srcPort: [9, 1] }, words: /"srcPort" is not a range/ },
  { what: "DF", keys: { df: "yes" }, words: /"df" is "yes"/ },
  { what: "interface name", keys: { device: "a/b" }, words: /"device" is not an interface name/ },
  { what: "MTU that cannot fit", keys: { mtu: 1451 }, words: /"mtu" is 1451.*at most 1450/ },
  {
    what: "MTU that cannot fit over IPv6",
    keys: { mtu: 1431, ...discovery([{ vtep: "2001:db8::2" }]) },
    words: /"mtu" is 1431.*70 bytes: give at most 1430/,
  },
  { what: "MTU that nothing fits into", keys: { mtu: 67 }, words: /"mtu" is 67.*68 to 65535/ },
  { what: "TTL", keys: { ttl: 256 }, words: /"ttl" is 256.*0 to 255/ },
  {
    what: "MAC address of the device",
    keys: { mac: "01:00:5e:00:00:01" },
    words: /"mac" is not a MAC address/,
  },
  { what: "ageing", keys: { l2: { ageing: -1 } }, words: /"l2.ageing" is -1/ },
  {
    what: "unknown flood",
    keys: { l2: { flood: "all" } },
    words: /"l2.flood" is "all".*replicate, multicast, none/,
  },
  { what: "unknown arp", keys: { l2: { arp: "proxy" } }, words: /"l2.arp" is "proxy".*flood, suppress/ },
  { what: "flag of another type", keys: { guard: "yes" }, code: 6, words: /"guard" must be/ },
  { what: "peers of another type", keys: discovery({ vtep: "192.0.2.2" }), code: 6, words: /peers" must be/ },
  {
    what: "peer of another type",
    keys: { underlay: { dev: "eth0" }, ...discovery(["192.0.2.2"]) },
    code: 6,
    words: /peers\[0\]" must be/,
  },
  {
    what: "peer with an invalid address",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.256" }]),
    words: /peers\[1\].vtep" is not an IP address: "192.0.2.256"/,
  },
  {
    what: "peer with a link-local address",
    keys: { underlay: { dev: "eth0", local: "2001:db8::1" }, ...discovery([{ vtep: "fe80::2" }]) },
    words: /fe80::2, which does not belong to a single node/,
  },
  {
    what: "IPv6 peers of a node with an IPv4 address",
    keys: { underlay: { local: "192.0.2.1" }, ...discovery([{ vtep: "2001:db8::2" }]) },
    words: /another family.*192.0.2.1 on eth0/,
  },
  {
    what: "another of the node's own addresses among the peers",
    keys: { underlay: { dev: "eth0", local: "2001:db8::1" }, ...discovery([{ vtep: "2001:db8::1" }]) },
    words: /own address 2001:db8::1/,
  },
  {
    what: "invalid local address",
    keys: { underlay: { local: "here" } },
    words: /"underlay.local" is not an IP/,
  },
  {
    what: "local address of another node",
    keys: { underlay: { local: "192.0.2.2" } },
    code: 11,
    words: /192.0.2.2 is not an address of this node/,
  },
  {
    what: "underlay interface that is missing",
    keys: { underlay: { dev: "eth7" } },
    code: 11,
    words: /eth7 is missing/,
  },
  { what: "no peers and no interface", keys: discovery([]), words: /"underlay" is missing, and no peer/ },
  {
    what: "unknown source of peers",
    keys: { discovery: { type: "etcd" } },
    words: /"discovery.type" is "etcd"/,
  },
  {
    what: "peer without address",
    keys: discovery([{ vtep: "192.0.2.2" }, { name: "x" }]),
    words: /peers\[1\].vtep" is missing/,
  },
  {
    what: "peer of another family",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "2001:db8::2" }]),
    words: /peers\[1\].*another family/,
  },
  {
    what: "own address among the peers",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.1" }]),
    words: /own address 192.0.2.1/,
  },
  {
    what: "own address as the first peer",
    keys: discovery([{ vtep: "192.0.2.1" }]),
    words: /own address 192.0.2.1/,
  },
  {
    what: "peer twice",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.2" }]),
    words: /192.0.2.2, as "discovery.peers\[0\]" has/,
  },
  {
    what: "peer that is a group",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "239.1.1.1" }]),
    words: /239.1.1.1, which does not belong to a single node/,
  },
  { what: "subnets in the mode l2", keys: peer({ subnets: ["10.1.0.0/24"] }), words: /has subnets/ },
  {
    what: "MAC address of a group",
    keys: peer({ macs: { "01:00:5e:00:00:01": "10.10.0.9" } }),
    words: /is not a MAC address/,
  },
  {
    what: "MAC address known behind two peers",
    keys: discovery([
      { vtep: "192.0.2.2", macs: { "0a:58:0a:0a:00:09": "10.10.0.9" } },
      { vtep: "192.0.2.3", macs: { "0A:58:0A:0A:00:09": "10.10.0.10" } },
    ]),
    words: /peers\[1\].*in macs 0a:58:0a:0a:00:09, as "discovery.peers\[0\]" has/,
  },
  {
    what: "pod address known behind two peers",
    keys: discovery([
      { vtep: "192.0.2.2", macs: { "0a:58:0a:0a:00:09": "10.10.0.9" } },
      { vtep: "192.0.2.3", macs: { "0a:58:0a:0a:00:0a": ["10.10.0.10", "10.10.0.9"] } },
    ]),
    words: /in macs 10.10.0.9, as/,
  },
  {
    what: "invalid pod address",
    keys: peer({ macs: { "0a:58:0a:0a:00:09": "10.10.0.9/24" } }),
    words: /contains no IP address: "10.10.0.9\/24"/,
  },
  {
    what: "group without interface",
    keys: { l2: { flood: "multicast", group: "ff05::100" } },
    words: /"l2.group" needs underlay.dev/,
  },
  {
    what: "group that floods nothing",
    keys: { underlay: { dev: "eth0" }, l2: { group: "239.1.1.1" } },
    words: /"l2.group" is set, but "flood" is "replicate"/,
  },
  {
    what: "group of another family than the local address",
    keys: {
      underlay: { dev: "eth0", local: "192.0.2.1" },
      l2: { flood: "multicast", group: "ff05::100" },
      discovery: {},
    },
    words: /ff05::100 has another family than underlay.local 192.0.2.1/,
  },
  {
    what: "group without interface, of IPv4",
    keys: { l2: { flood: "multicast", group: "239.1.1.1" } },
    words: /"l2.group" needs underlay.dev/,
  },
  {
    what: "invalid group",
    keys: { underlay: { dev: "eth0" }, l2: { flood: "multicast", group: "10.1.1.1" } },
    words: /not a multicast address/,
  },
  {
    what: "multicast without group",
    keys: { underlay: { dev: "eth0" }, l2: { flood: "multicast" } },
    words: /"l2.group" is missing/,
  },
  {
    what: "guard without peers",
    keys: {
      underlay: { dev: "eth0" },
      l2: { flood: "multicast", group: "239.1.1.1" },
      guard: true,
      discovery: {},
    },
    words: /"guard" needs peers/,
  },
  {
    what: "too many copies of a broadcast",
    keys: { underlay: { dev: "eth0" }, ...discovery(peers(256)) },
    words: /sent 256 times/,
  },
];
