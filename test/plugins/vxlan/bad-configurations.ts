/** Configurations that cannot work, and what is said about them. */
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

const l3 = (keys: Keys) => ({ l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"], ...keys } });
const peer = (keys: Keys) => discovery([{ vtep: "192.0.2.2", ...keys }]);

export const bad: readonly Bad[] = [
  { what: "no mode", keys: { mode: undefined }, words: /"mode" is missing/ },
  { what: "unknown mode", keys: { mode: "l4" }, words: /"mode" is "l4"/ },
  { what: "no VNI", keys: { vni: undefined }, words: /"vni" is missing/ },
  { what: "VNI too large", keys: { vni: 16777216 }, words: /"vni" is 16777216.*0 to 16777215/ },
  { what: "negative VNI", keys: { vni: -1 }, words: /"vni" is -1/ },
  { what: "VNI of another type", keys: { vni: "100" }, code: 6, words: /"vni" must be a whole number/ },
  { what: "port", keys: { port: 65536 }, words: /"port" is 65536/ },
  { what: "source ports", keys: { srcPort: [9, 1] }, words: /"srcPort" is no range/ },
  { what: "DF", keys: { df: "yes" }, words: /"df" is "yes"/ },
  { what: "interface name", keys: { device: "a/b" }, words: /"device" is no interface name/ },
  { what: "MTU that cannot fit", keys: { mtu: 1451 }, words: /"mtu" is 1451.*at most 1450/ },
  {
    what: "MTU that cannot fit over IPv6",
    keys: { mtu: 1431, ...discovery([{ vtep: "2001:db8::2" }]) },
    words: /"mtu" is 1431.*70 bytes: give at most 1430/,
  },
  { what: "MTU that nothing fits into", keys: { mtu: 67 }, words: /"mtu" is 67.*68 to 65535/ },
  { what: "TTL", keys: { ttl: 256 }, words: /"ttl" is 256.*0 to 255/ },
  { what: "MAC address of the device", keys: { mac: "01:00:5e:00:00:01" }, words: /"mac" is no MAC address/ },
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
    what: "peer with an address that is none",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.256" }]),
    words: /peers\[1\].vtep" is no IP address: "192.0.2.256"/,
  },
  {
    what: "peer with a link-local address",
    keys: { underlay: { dev: "eth0", local: "2001:db8::1" }, ...discovery([{ vtep: "fe80::2" }]) },
    words: /fe80::2, which is not that of one node/,
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
    what: "local address that is none",
    keys: { underlay: { local: "here" } },
    words: /"underlay.local" is no IP/,
  },
  {
    what: "local address of another node",
    keys: { underlay: { local: "192.0.2.2" } },
    code: 11,
    words: /192.0.2.2 is not one of this node/,
  },
  {
    what: "underlay interface that is missing",
    keys: { underlay: { dev: "eth7" } },
    code: 11,
    words: /eth7 is missing/,
  },
  { what: "no peers and no interface", keys: discovery([]), words: /"underlay" names no interface/ },
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
    words: /239.1.1.1, which is not that of one node/,
  },
  { what: "subnets in the mode l2", keys: peer({ subnets: ["10.1.0.0/24"] }), words: /has subnets/ },
  {
    what: "MAC address of a group",
    keys: peer({ macs: { "01:00:5e:00:00:01": "10.10.0.9" } }),
    words: /is no MAC address/,
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
    what: "pod address that is none",
    keys: peer({ macs: { "0a:58:0a:0a:00:09": "10.10.0.9/24" } }),
    words: /holds no IP address: "10.10.0.9\/24"/,
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
    words: /ff05::100 is of another family than underlay.local 192.0.2.1/,
  },
  {
    what: "group without interface, of IPv4",
    keys: { l2: { flood: "multicast", group: "239.1.1.1" } },
    words: /"l2.group" needs underlay.dev/,
  },
  {
    what: "group that is none",
    keys: { underlay: { dev: "eth0" }, l2: { flood: "multicast", group: "10.1.1.1" } },
    words: /no multicast address/,
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
  { what: "no ipam", mode: "l3", keys: { ipam: undefined }, words: /"ipam" names no plugin/ },
  { what: "learning", mode: "l3", keys: { learning: true }, words: /"learning" is true/ },
  { what: "DF that makes a black hole", mode: "l3", keys: { df: "set" }, words: /ip_forward_use_pmtu=1/ },
  { what: "no networks", mode: "l3", keys: { l3: {} }, words: /"l3.network" is missing/ },
  {
    what: "exceptions that are no list",
    mode: "l3",
    keys: { nonMasqueradeCIDRs: "10.0.0.0/8" },
    code: 6,
    words: /"nonMasqueradeCIDRs" must be a list/,
  },
  {
    what: "networks that overlap",
    mode: "l3",
    keys: l3({ network: ["10.244.0.0/16", "10.0.0.0/8"] }),
    words: /"l3.network\[1\]" 10.0.0.0\/8 overlaps 10.244.0.0\/16/,
  },
  {
    what: "own subnets that overlap",
    mode: "l3",
    keys: l3({ subnets: ["10.244.1.0/24", "10.244.1.128/25"] }),
    words: /"l3.subnets\[1\]" 10.244.1.128\/25 overlaps 10.244.1.0\/24/,
  },
  { what: "no subnets", mode: "l3", keys: l3({ subnets: [] }), words: /"l3.subnets" is missing/ },
  {
    what: "unknown way to attach",
    mode: "l3",
    keys: l3({ attach: "macvlan" }),
    words: /"l3.attach" is "macvlan".*ptp, bridge/,
  },
  {
    what: "macs in the mode l3",
    mode: "l3",
    keys: peer({ macs: { "0a:58:0a:0a:00:09": [] } }),
    words: /has macs/,
  },
  {
    what: "MAC address that is derived for another",
    mode: "l3",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.3", mac: "0e:76:c0:00:02:02" }]),
    words: /the MAC address 0e:76:c0:00:02:02, as/,
  },
  {
    what: "host bits",
    mode: "l3",
    keys: l3({ subnets: ["10.244.1.1/24"] }),
    words: /has host bits set.*10.244.1.0\/24/,
  },
  {
    what: "own subnet outside of the network",
    mode: "l3",
    keys: l3({ subnets: ["10.245.1.0/24"] }),
    words: /10.245.1.0\/24, which is not in l3.network/,
  },
  {
    what: "peer's subnet outside of the network",
    mode: "l3",
    keys: peer({ subnets: ["10.245.2.0/24"] }),
    words: /10.245.2.0\/24 outside of l3.network/,
  },
  {
    what: "peer's subnet that is the node's own",
    mode: "l3",
    keys: peer({ subnets: ["10.244.1.128/25"] }),
    words: /10.244.1.128\/25, which overlaps 10.244.1.0\/24 of this node's own/,
  },
  {
    what: "overlapping subnets of peers",
    mode: "l3",
    keys: discovery([
      { vtep: "192.0.2.2", subnets: ["10.244.2.0/23"] },
      { vtep: "192.0.2.3", subnets: ["10.244.3.0/24"] },
    ]),
    words: /overlaps/,
  },
  {
    what: "MAC address twice",
    mode: "l3",
    keys: discovery([
      { vtep: "192.0.2.2", mac: "02:00:00:00:00:01" },
      { vtep: "192.0.2.3", mac: "02:00:00:00:00:01" },
    ]),
    words: /the MAC address 02:00:00:00:00:01, as/,
  },
  {
    what: "IPAM ranges that are not the node's",
    mode: "l3",
    keys: { ipam: { type: "host-local", subnet: "10.9.0.0/24" } },
    words: /10.9.0.\d+\/24, which is not in this node's l3.subnets/,
  },
  {
    what: "more l3 networks than the device's alias can name",
    mode: "l3",
    keys: l3({
      network: Array.from({ length: 40 }, (_, at) => `10.${200 + at}.0.0/16`).concat("10.244.0.0/16"),
    }),
    words: /"l3.network" has 41 networks.*no room.*fewer and larger/,
  },
  {
    what: "pod subnet of a peer that holds its own outer address",
    mode: "l3",
    keys: {
      ...l3({ network: ["10.244.0.0/16", "198.51.0.0/16"] }),
      underlay: { dev: "eth0" },
      ...discovery([
        { vtep: "192.0.2.2", subnets: ["10.244.2.0/24"] },
        { vtep: "198.51.100.2", subnets: ["198.51.100.0/24"] },
      ]),
    },
    words:
      /peers\[1\].*198.51.100.0\/24, which holds the underlay address 198.51.100.2 of "discovery.peers\[1\]"/,
  },
  {
    what: "pod subnet of this node that holds its outer address",
    mode: "l3",
    keys: {
      ...l3({ network: "192.0.0.0/16", subnets: ["192.0.2.0/28"] }),
      ...discovery([{ vtep: "192.0.2.200" }]),
    },
    words: /"l3.subnets" has 192.0.2.0\/28, which holds the underlay address 192.0.2.1 of this node/,
  },
];
