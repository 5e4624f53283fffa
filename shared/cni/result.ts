/** A plugin's result in the structure of specification 1.1.0, with parsed addresses. */
import type { IpAddress } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** The path of the interface's namespace; absent on the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultIp {
  readonly address: Cidr;
  readonly gateway?: IpAddress;
  /** An index into `interfaces`; absent from an IPAM plugin. */
  readonly interface?: number;
}

export interface ResultRoute {
  readonly destination: Cidr;
  readonly gateway?: IpAddress;
  readonly mtu?: number;
  readonly advmss?: number;
  /** The metric; the lowest wins. */
  readonly priority?: number;
  /** The routing table; absent means main (254). */
  readonly table?: number;
  /** rtnetlink(7) scope: 0 universe, 253 link, 254 host. */
  readonly scope?: number;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

export const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };

export function isEmptyDns(dns: Dns): boolean {
  const lists = [dns.nameservers, dns.search, dns.options];
  return (dns.domain ?? "") === "" && lists.every((list) => (list?.length ?? 0) === 0);
}
