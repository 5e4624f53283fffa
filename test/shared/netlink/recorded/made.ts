/** The requests that the codec makes for what the recorded commands of iproute2 do. */
import { parseCidr } from "../../../../shared/ip/cidr.ts";
import { addAddress, deleteAddress } from "../../../../shared/netlink/address.ts";
import {
  addVlans,
  newBridge,
  removeVlans,
  setPort,
  setVlanFiltering,
} from "../../../../shared/netlink/bridge.ts";
import { deleteLink, type Link, parseMac, setLink } from "../../../../shared/netlink/link.ts";
import { wakeLink } from "../../../../shared/netlink/link-mode.ts";
import type { NetlinkMessage } from "../../../../shared/netlink/message.ts";
import { setNeighbour } from "../../../../shared/netlink/neighbour.ts";
import { addRoute, type Route } from "../../../../shared/netlink/route.ts";
import { newVethPair } from "../../../../shared/netlink/veth.ts";

/** As the recording numbers them. */
const [br0, eth0, veth0] = [2, 3, 4];

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

const mac = (last: number) => parseMac(`02:00:00:00:00:0${last}`) ?? new Uint8Array();

const address = (text: string, detectDuplicates = true, withoutPrefixRoute = false) =>
  addAddress(br0, cidr(text), { detectDuplicates, withoutPrefixRoute });

const host = (text: string) => cidr(`${text}/${text.includes(":") ? 128 : 32}`).address;

const route = (destination: string, gateway?: string, more: Partial<Route> = {}) => {
  const via = gateway === undefined ? {} : { gateway: host(gateway) };
  return addRoute(br0, { destination: cidr(destination), ...via, ...more });
};

const vlan = (first: number, last = first, isAccess = false) => [
  { first, last, pvid: isAccess, untagged: isAccess },
];

const bridge = { index: br0, name: "br0" } as Link;
const port = { index: veth0, name: "veth0" };

export const made: Readonly<Record<string, NetlinkMessage>> = {
  newBridge: newBridge({ name: "br0", mac: mac(1), mtu: 1400, vlanFiltering: false }),
  newVethPair: newVethPair({
    host: { name: "veth0", mac: mac(2) },
    container: { name: "eth0", mac: mac(3) },
    mtu: 1400,
    master: br0,
  }),
  newDormantPair: newVethPair({
    host: { name: "veth1", mac: mac(2) },
    container: { name: "eth1", mac: mac(3) },
    mtu: 1400,
    master: br0,
    isDormant: true,
  }),
  linkUp: setLink({ index: br0 }, { up: true }),
  linkDown: setLink({ index: eth0 }, { up: false }),
  linkMtu: setLink({ index: veth0 }, { mtu: 1300 }),
  linkMac: setLink({ index: veth0 }, { mac: mac(4) }),
  linkAlias: setLink({ index: veth0 }, { alias: "podwire" }),
  linkAwake: wakeLink({ index: veth0, name: "veth0" }),
  linkMaster: setLink({ index: veth0 }, { master: br0 }),
  linkPromiscuous: setLink({ index: br0 }, { promiscuous: true }),
  port: setPort("veth0", { alias: "podwire", hairpin: true, isolated: true, up: false }),
  vlanFiltering: setVlanFiltering(bridge, true),
  addVlanRange: addVlans(port, vlan(10, 20)),
  addAccessVlan: addVlans(port, vlan(5, 5, true)),
  addOwnVlan: addVlans(bridge, vlan(7), true),
  removeVlans: removeVlans(port, vlan(10, 20)),
  addAddress4: address("10.1.0.2/24"),
  addHostAddress4: address("10.1.0.3/32"),
  addAddress6: address("fd00::2/64"),
  addAddress6AtOnce: address("fd00::3/64", false),
  addAddress4Alone: address("10.1.0.4/24", true, true),
  addAddress6Alone: address("fd00::4/64", false, true),
  deleteAddress4: deleteAddress(br0, cidr("10.1.0.3/32")),
  deleteAddress6: deleteAddress(br0, cidr("fd00::3/64")),
  routeVia: route("192.0.2.0/24", "10.1.0.1"),
  routeOnLink: route("198.51.100.0/24"),
  routeWithAll: route("203.0.113.0/24", "10.1.0.1", { priority: 7, mtu: 1300, advmss: 1200, table: 500 }),
  routeDefault: route("0.0.0.0/0", "10.1.0.1"),
  routeScope: route("192.0.2.128/25", undefined, { scope: 0, table: 100 }),
  route6Via: route("2001:db8::/32", "fd00::1"),
  route6Default: route("::/0", "fd00::1", { priority: 7 }),
  routeExclusive: addRoute(br0, { destination: cidr("192.0.2.64/32") }, "exclusive"),
  routeFrom: route("198.51.100.128/25", "10.1.0.1", { source: host("10.1.0.2") }),
  route6From: route("2001:db8:1::/48", "fd00::1", { source: host("fd00::2") }),
  neighbour4: setNeighbour(br0, host("10.1.0.9"), mac(5)),
  neighbour6: setNeighbour(br0, host("fd00::9"), mac(5)),
  deleteLink: deleteLink({ index: veth0 }),
};
