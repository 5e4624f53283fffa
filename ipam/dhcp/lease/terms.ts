/** What a server grants: read from the options of its OFFER or ACK, and checked. Pure. */
import type { Dns, ResultRoute } from "../../../shared/cni/result.ts";
import {
  formatIp,
  type IpAddress,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
} from "../../../shared/ip/address.ts";
import { type Cidr, defaultRoute, networkOf } from "../../../shared/ip/cidr.ts";
import { bytesText } from "../../../shared/system/text.ts";
import { type Message, Option, type Options } from "../wire/message.ts";

export interface Terms {
  readonly address: Cidr;
  readonly server: IpAddress;
  /** The first router. */
  readonly gateway: IpAddress | undefined;
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
  /** Seconds from the request; infinite for a lease without end. */
  readonly renewal: number;
  readonly rebinding: number;
  readonly lease: number;
}

/** A reason to step over a message. */
export class BadTerms extends Error {}

export const ipv4 = (value: number): IpAddress => ({ family: 4, value: BigInt(value >>> 0) });

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function word(options: Options, code: number): number | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  if (value.length !== 4) throw new BadTerms(`its option ${code} has ${value.length} bytes instead of 4`);
  return viewOf(value).getUint32(0);
}

/** A list of words, `group` at a time. */
function words(options: Options, code: number, group = 1): number[] {
  const value = options.get(code);
  if (value === undefined) return [];
  const unit = 4 * group;
  if (value.length % unit !== 0)
    throw new BadTerms(`its option ${code} has ${value.length} bytes, not a multiple of ${unit}`);
  const view = viewOf(value);
  return Array.from({ length: value.length / 4 }, (_, index) => view.getUint32(index * 4));
}

/** The length of a netmask's prefix. */
function prefixLength(options: Options): number {
  const mask = word(options, Option.subnetMask);
  if (mask === undefined) throw new BadTerms("it has no subnet mask (option 1)");
  const ones = Math.clz32(~mask);
  const isMask = ones === 32 || mask << ones === 0;
  if (!isMask || ones === 0) throw new BadTerms(`its subnet mask is ${formatIp(ipv4(mask))}`);
  return ones;
}

function readAddress(value: number, options: Options): Cidr {
  const address = ipv4(value);
  const isBad = value === 0 || isMulticast(address) || isLoopback(address) || isLimitedBroadcast(address);
  if (isBad) throw new BadTerms(`it gives the address ${formatIp(address)}`);
  return { address, prefixLength: prefixLength(options) };
}

/** The prefix length of an address's class, for option 33 (RFC 791); undefined for classes without networks. */
function classLength(address: number): number | undefined {
  const first = address >>> 24;
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : undefined;
}

function staticRoutes(options: Options): ResultRoute[] {
  const pairs = words(options, Option.staticRoutes, 2);
  const routes: ResultRoute[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const [target = 0, router = 0] = pairs.slice(at, at + 2);
    const length = classLength(target);
    // RFC 2132, section 5.8: the default route is not allowed here. Servers send it all the same: the address is right.
    if (length === undefined || target === 0) continue;
    routes.push({
      destination: networkOf({ address: ipv4(target), prefixLength: length }),
      gateway: ipv4(router),
    });
  }
  return routes;
}

const LINK_SCOPE = 253;

/** RFC 3442: the prefix length, as many bytes of the destination as it needs, and the router. 0.0.0.0: on the link. */
function classlessRoutes(bytes: Uint8Array): ResultRoute[] {
  const routes: ResultRoute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    const significant = Math.ceil(length / 8);
    const end = at + 1 + significant + 4;
    if (length > 32 || end > bytes.length) throw new BadTerms("its option 121 is malformed");
    const target = new Uint8Array(4);
    target.set(bytes.subarray(at + 1, at + 1 + significant));
    const router = viewOf(bytes).getUint32(end - 4);
    const destination = networkOf({ address: ipv4(viewOf(target).getUint32(0)), prefixLength: length });
    routes.push(router === 0 ? { destination, scope: LINK_SCOPE } : { destination, gateway: ipv4(router) });
    at = end;
  }
  return routes;
}

function readRoutes(options: Options, gateway: IpAddress | undefined): ResultRoute[] {
  // RFC 3442: a client that gets option 121 must ignore options 3 and 33.
  const classless = options.get(Option.classlessRoutes);
  if (classless !== undefined && classless.length > 0) return classlessRoutes(classless);
  const routes = staticRoutes(options);
  return gateway === undefined ? routes : [...routes, { destination: defaultRoute(4), gateway }];
}

/** A text of a server without what no name has. */
const nameOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "" : bytesText(bytes).replace(/[^\w.-]+/g, "");

/** RFC 3397: domain names as in DNS, compressed. Names that are malformed are left out. */
function searchList(bytes: Uint8Array | undefined): string[] {
  const names: string[] = [];
  if (bytes === undefined) return names;
  for (let at = 0; at < bytes.length; ) {
    const labels: string[] = [];
    let next = -1;
    for (let place = at, jumps = 0; ; ) {
      const length = bytes[place] ?? 0;
      if (length >= 0xc0) {
        if (next < 0) next = place + 2;
        place = (length & 0x3f) * 256 + (bytes[place + 1] ?? 0);
        if (++jumps > 16) return names;
        continue;
      }
      if (length === 0 || place + length >= bytes.length) {
        if (next < 0) next = place + 1 + length;
        break;
      }
      labels.push(nameOf(bytes.subarray(place + 1, place + 1 + length)));
      place += 1 + length;
    }
    if (labels.length > 0) names.push(labels.join("."));
    at = next;
  }
  return names;
}

/** DNS settings of the options that the configuration asks for: the reference plugin's default asks for none. */
function readDns(options: Options, requested: readonly number[]): Dns {
  const wanted = (code: number) => (requested.includes(code) ? options.get(code) : undefined);
  const servers = wanted(Option.nameServers) === undefined ? [] : words(options, Option.nameServers);
  const domain = nameOf(wanted(Option.domainName));
  const search = searchList(wanted(Option.domainSearch));
  return {
    ...(servers.length === 0 ? {} : { nameservers: servers.map((server) => formatIp(ipv4(server))) }),
    ...(domain === "" ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
  };
}

const INFINITE = 0xffffffff;
/** A server has to state the time. For one that does not, the reference plugin takes an hour. */
const DEFAULT_LEASE = 3600;

/** T1 and T2 default to 50 % and 85 % of the lease (RFC 2131, section 4.4.5; the RFC's 87.5 % is 85 % in the reference plugin). */
function readTimes(options: Options): Pick<Terms, "lease" | "renewal" | "rebinding"> {
  const lease = word(options, Option.leaseTime) ?? DEFAULT_LEASE;
  if (lease === 0) throw new BadTerms("its lease time is 0");
  if (lease === INFINITE) return { lease: Infinity, renewal: Infinity, rebinding: Infinity };
  const stated = word(options, Option.rebindingTime) ?? 0;
  const rebinding = stated > 0 && stated < lease ? stated : lease * 0.85;
  const first = word(options, Option.renewalTime) ?? 0;
  return {
    lease,
    rebinding,
    renewal: first > 0 && first < rebinding ? first : Math.min(lease / 2, rebinding),
  };
}

/** Throws BadTerms. `requested`: the codes that the configuration asks for. */
export function readTerms({ address, options }: Message, requested: readonly number[]): Terms {
  const server = word(options, Option.serverIdentifier);
  if (server === undefined || server === 0)
    throw new BadTerms("it does not say which server it is from (option 54)");
  const [router = 0] = words(options, Option.routers);
  const gateway = router === 0 ? undefined : ipv4(router);
  return {
    address: readAddress(address, options),
    server: ipv4(server),
    gateway,
    routes: readRoutes(options, gateway),
    dns: readDns(options, requested),
    ...readTimes(options),
  };
}
