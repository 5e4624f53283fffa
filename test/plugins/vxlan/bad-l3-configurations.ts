/** Configurations of the mode l3 that cannot work, with the errors that ADD reports. */
import { type Bad, discovery, peer } from "./bad-configurations.ts";
import type { Keys } from "./world.ts";

const l3 = (keys: Keys) => ({ l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"], ...keys } });

export const badL3: readonly Bad[] = [
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
    words: /"l3.network" has 41 networks.*too many for the alias.*fewer and larger/,
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
