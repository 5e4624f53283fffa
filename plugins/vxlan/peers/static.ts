/** Peers from the configuration. */
import { readMac } from "../../../shared/attachment/requested-mac.ts";
import { quote } from "../../../shared/cni/error.ts";
import type { Fields } from "../../../shared/cni/fields.ts";
import { type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, isSameCidr, networkOf, parseCidr } from "../../../shared/ip/cidr.ts";
import { vtepMac } from "../vtep-mac.ts";
import type { Endpoint, Peer, PeerSource } from "./peer.ts";

function readVtep(item: Fields): IpAddress {
  const text = item.text("vtep") ?? "";
  const vtep = parseIp(text);
  if (vtep !== undefined) return vtep;
  const advice = "give the source address of the peer's VXLAN packets, such as 192.0.2.2";
  throw item.invalid("vtep", text === "" ? "is missing" : `is not an IP address: ${quote(text)}`, advice);
}

/** Reads a network without host bits from a list of the configuration. Throws code 7. */
export function readNetwork(fields: Pick<Fields, "invalid">, key: string, text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    throw fields.invalid(key, `is not a network: ${quote(text)}`, "write it as 10.244.2.0/24 or fd00:2::/64");
  }
  const network = networkOf(cidr);
  if (isSameCidr(network, cidr)) return cidr;
  throw fields.invalid(key, `has host bits set: ${quote(text)}`, `its network is ${formatCidr(network)}`);
}

function readAddresses(macs: Fields, mac: string): IpAddress[] {
  const value = macs.value(mac);
  const texts = typeof value === "string" ? [value] : (macs.texts(mac) ?? []);
  return texts.map((text) => {
    const address = parseIp(text);
    if (address !== undefined) return address;
    throw macs.invalid(mac, `contains no IP address: ${quote(text)}`, "write it without a prefix length");
  });
}

/** `macs`: { "0a:58:...": "10.10.0.2" } or with a list of addresses. */
function readEndpoints(item: Fields): Endpoint[] {
  const macs = item.object("macs");
  if (macs === undefined) return [];
  return Object.keys(item.value("macs") as object).map((text) => ({
    mac: readMac(macs, text, text),
    addresses: readAddresses(macs, text),
  }));
}

function readPeer(item: Fields, position: number): Peer {
  const vtep = readVtep(item);
  const mac = item.text("mac") ?? "";
  const subnets = item.texts("subnets") ?? [];
  return {
    name: item.text("name"),
    vtep,
    mac: mac === "" ? vtepMac(vtep) : readMac(item, "mac", mac),
    subnets: subnets.map((text, index) => readNetwork(item, `subnets[${index}]`, text)),
    endpoints: readEndpoints(item),
    position,
  };
}

export const staticPeers: PeerSource = {
  firstVtep: (discovery) => {
    const first = discovery.first("peers");
    const text = typeof first === "object" && first !== null ? Reflect.get(first, "vtep") : undefined;
    return typeof text === "string" ? parseIp(text) : undefined;
  },
  read: (discovery) => (discovery.objects("peers") ?? []).map(readPeer),
};
