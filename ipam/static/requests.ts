/**
 * Addresses that a container asks for. As with the reference plugin, those of the capability `ips` replace the configured
 * ones; else those of args.cni.ips do; those of CNI_ARGS (IP, GATEWAY) are added.
 */
import { readArgs } from "../../shared/cni/args.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { ResultIp } from "../../shared/cni/result.ts";
import { type IpAddress, isSameIp, parseIp } from "../../shared/ip/address.ts";
import { type Cidr, contains, parseCidr } from "../../shared/ip/cidr.ts";

export interface RequestedIps {
  readonly replacing: readonly ResultIp[];
  readonly added: readonly ResultIp[];
}

/** An address without prefix length has that of the configured network in which it is; undefined without such a network. */
function parseRequested(text: string, configured: readonly ResultIp[]): Cidr | undefined {
  const address = parseIp(text);
  if (address === undefined) return parseCidr(text);
  const network = configured.find((ip) => contains(ip.address, address))?.address;
  return network === undefined ? undefined : { address, prefixLength: network.prefixLength };
}

const advice = `write an address with its prefix length, such as 10.10.0.5/24; only one within a network of "ipam.addresses" needs none`;

function readList(fields: Fields, configured: readonly ResultIp[]): ResultIp[] {
  const problem = "contains an entry that is NOT in CIDR notation";
  return (fields.texts("ips") ?? []).map((text) => {
    const address = parseRequested(text, configured);
    if (address === undefined) throw fields.invalid("ips", `${problem}: ${quote(text)}`, advice);
    return { address };
  });
}

function invalidArgument(message: string, what: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `CNI_ARGS: ${message}`, what);
}

function readGateway(text: string): IpAddress {
  const gateway = parseIp(text);
  if (gateway === undefined)
    throw invalidArgument(`GATEWAY is not an IP address: ${quote(text)}`, "write GATEWAY=10.10.0.1");
  return gateway;
}

/** The addresses of CNI_ARGS. A gateway belongs to the addresses in whose network it is. */
function readArguments(args: string, configured: readonly ResultIp[]): ResultIp[] {
  const { ips, gateways } = readArgs(args);
  const addresses = ips.map((text) => {
    const address = parseRequested(text, configured);
    if (address === undefined) throw invalidArgument(`IP is not in CIDR notation: ${quote(text)}`, advice);
    return address;
  });
  const parsed = gateways.map(readGateway);
  return addresses.map((address) => {
    const gateway = parsed.findLast((other) => contains(address, other) && !isSameIp(other, address.address));
    return gateway === undefined ? { address } : { address, gateway };
  });
}

export function requestedIps(request: Request, configured: readonly ResultIp[]): RequestedIps {
  const { runtimeConfig, cniArgs } = request.configuration;
  const ofRuntime = readList(runtimeConfig, configured);
  return {
    replacing: ofRuntime.length > 0 ? ofRuntime : readList(cniArgs, configured),
    added: request.args === "" ? [] : readArguments(request.args, configured),
  };
}
