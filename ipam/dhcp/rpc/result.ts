/** A result as the reference plugin sends it from its daemon: types100.Result. */
import type { Dns, Result, ResultIp, ResultRoute } from "../../../shared/cni/result.ts";
import { fromBytes, type IpAddress, toBytes } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { GobError } from "./gob-reader.ts";
import type { GobObject, GobValue } from "./gob-types.ts";

const maskBytes = (prefixLength: number): Uint8Array =>
  toBytes({
    family: 4,
    value: prefixLength === 0 ? 0n : (0xffffffffn << BigInt(32 - prefixLength)) & 0xffffffffn,
  });

const writeNetwork = ({ address, prefixLength }: Cidr): GobObject => ({
  IP: toBytes(address),
  Mask: maskBytes(prefixLength),
});

const writeGateway = (gateway: IpAddress | undefined) =>
  gateway === undefined ? undefined : toBytes(gateway);

export function writeResult({ ips, routes, dns }: Result): GobObject {
  return {
    CNIVersion: "1.0.0",
    IPs: ips.map(({ address, gateway }) => ({
      Address: writeNetwork(address),
      Gateway: writeGateway(gateway),
    })),
    Routes: routes.map(({ destination, gateway, priority, scope }) => ({
      Dst: writeNetwork(destination),
      GW: writeGateway(gateway),
      Priority: priority,
      Scope: scope,
    })),
    DNS: { Nameservers: dns.nameservers, Domain: dns.domain, Search: dns.search },
  };
}

const isObject = (value: GobValue): value is GobObject =>
  typeof value === "object" && !(value instanceof Uint8Array) && !Array.isArray(value);

const objects = (value: GobValue): GobObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** Go has an IPv4 address in 4 bytes, or in 16 as an IPv4-mapped one. */
function readIp(value: GobValue): IpAddress | undefined {
  if (!(value instanceof Uint8Array) || value.length === 0) return undefined;
  if (value.length !== 4 && value.length !== 16)
    throw new GobError("an address in the daemon's answer is malformed");
  const ip = fromBytes(value);
  return ip.family === 6 && ip.value >> 32n === 0xffffn ? { family: 4, value: ip.value & 0xffffffffn } : ip;
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return count;
}

function readNetwork(value: GobValue): Cidr {
  const network = isObject(value) ? value : {};
  const address = readIp(network["IP"]);
  const mask = network["Mask"];
  if (address === undefined || !(mask instanceof Uint8Array))
    throw new GobError("an address in the daemon's answer is missing");
  const prefixLength = mask.reduce((sum, byte) => sum + ones(byte), 0);
  return { address, prefixLength };
}

function readRoute(route: GobObject): ResultRoute {
  const gateway = readIp(route["GW"]);
  const { Priority: priority, Scope: scope } = route;
  return {
    destination: readNetwork(route["Dst"]),
    ...(gateway === undefined ? {} : { gateway }),
    ...(typeof priority === "number" ? { priority } : {}),
    ...(typeof scope === "number" ? { scope } : {}),
  };
}

function readDns(value: GobValue): Dns {
  const { Nameservers, Domain, Search } = isObject(value) ? value : ({} as GobObject);
  const texts = (list: GobValue) =>
    Array.isArray(list) ? list.filter((item): item is string => typeof item === "string") : [];
  return {
    ...(Array.isArray(Nameservers) ? { nameservers: texts(Nameservers) } : {}),
    ...(typeof Domain === "string" ? { domain: Domain } : {}),
    ...(Array.isArray(Search) ? { search: texts(Search) } : {}),
  };
}

/** Throws GobError for an answer that is no result. */
export function readResult(value: GobObject): Result {
  const ips = objects(value["IPs"]).map((ip): ResultIp => {
    const gateway = readIp(ip["Gateway"]);
    return { address: readNetwork(ip["Address"]), ...(gateway === undefined ? {} : { gateway }) };
  });
  return { interfaces: [], ips, routes: objects(value["Routes"]).map(readRoute), dns: readDns(value["DNS"]) };
}
