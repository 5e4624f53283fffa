/** Requested addresses: CNI_ARGS (IP), args.cni.ips and the capability ips. */
import { readArgs } from "../../shared/cni/args.ts";
import { CniError, ErrorCode, enumerate } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { formatIp, type IpAddress, type IpKey, ipKey, isSameIp, parseIp } from "../../shared/ip/address.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import { describeSet, isAllowed, type RangeSet, rangeOf } from "./range.ts";

/** A range set and the address requested of it. */
export interface AddressRequest {
  readonly set: RangeSet;
  /** The position of the set: its last_reserved_ip file is named by it. */
  readonly index: number;
  /** Undefined if any address will do. */
  readonly requested: IpAddress | undefined;
}

/** Parses an address. A prefix length is ignored: the subnet's one counts. */
function parseRequested(text: string): IpAddress | undefined {
  return parseIp(text) ?? parseCidr(text)?.address;
}

/** In the order of the requests; a repeated request counts once. */
type Requested = Map<IpKey, IpAddress>;

function addNew(addresses: Requested, address: IpAddress): void {
  const key = ipKey(address);
  if (!addresses.has(key)) addresses.set(key, address);
}

function readList(fields: Fields, key: string, addresses: Requested): void {
  for (const text of fields.texts(key) ?? []) {
    const address = parseRequested(text);
    if (address === undefined) {
      const advice = "write an address such as 10.88.0.10 or 10.88.0.10/16";
      throw fields.invalid(
        key,
        `contains a value that is not an IP address: ${JSON.stringify(text)}`,
        advice,
      );
    }
    addNew(addresses, address);
  }
}

function readArguments(args: string, addresses: Requested): void {
  for (const text of readArgs(args).ips) {
    const address = parseRequested(text);
    if (address === undefined) {
      const message = `CNI_ARGS: IP is not an IP address: ${JSON.stringify(text)}`;
      throw new CniError(ErrorCode.invalidEnvironment, message, "write IP=10.88.0.10");
    }
    addNew(addresses, address);
  }
}

/** All requested addresses, in the reference plugin's order. */
export function readRequested(request: Request): IpAddress[] {
  const { cniArgs, runtimeConfig } = request.configuration;
  const addresses: Requested = new Map();
  if (request.args !== "") readArguments(request.args, addresses);
  readList(cniArgs, "ips", addresses);
  readList(runtimeConfig, "ips", addresses);
  return [...addresses.values()];
}

/**
 * Gives each range set the first request within it. Throws code 7 if a request fits no set or may not be handed out.
 */
export function assignRequested(
  sets: readonly RangeSet[],
  requested: readonly IpAddress[],
): AddressRequest[] {
  const left = [...requested];
  const requests: AddressRequest[] = [];
  for (const set of sets) requests.push({ set, index: requests.length, requested: takeFirstIn(set, left) });
  if (left.length === 0) return requests;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `failed to allocate all requested IPs: ${enumerate(left.map(formatIp), ", ")}`,
    `each range set gives one address; the ranges are ${enumerate(sets.map(describeSet), "; ")}`,
  );
}

/** Removes the first address within the set from the list, and returns it. */
function takeFirstIn(set: RangeSet, addresses: IpAddress[]): IpAddress | undefined {
  for (const address of addresses) {
    if (rangeOf(set, address) === undefined) continue;
    checkAllowed(set, address);
    addresses.splice(addresses.indexOf(address), 1);
    return address;
  }
  return undefined;
}

function checkAllowed(set: RangeSet, address: IpAddress): void {
  if (isAllowed(set, address)) return;
  const isGateway = set.ranges.some(({ gateway }) => isSameIp(gateway, address));
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `requested IP ${formatIp(address)} is ${isGateway ? "the subnet's gateway" : "excluded"}`,
    isGateway ? "request another address" : `request another address, or remove it from "exclude"`,
  );
}
