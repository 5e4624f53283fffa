/** The configuration of static: addresses, routes and DNS that go into the result as they are. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import { checkFamilies, ipamSection, readRoutes } from "../../shared/cni/ipam-section.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Dns, ResultIp, ResultRoute } from "../../shared/cni/result.ts";
import { readDns } from "../../shared/cni/result-input.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { formatIp, isSameIp, parseIp } from "../../shared/ip/address.ts";
import { contains, formatCidr, parseCidr } from "../../shared/ip/cidr.ts";
import { requestedIps } from "./requests.ts";
import type { addressKeys, staticKeys } from "./schema.ts";

const EXAMPLE = `"ipam": {"type": "static", "addresses": [{"address": "10.10.0.5/24", "gateway": "10.10.0.1"}]}`;

export interface StaticConfiguration {
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

function readAddress(fields: Fields): ResultIp {
  const keys: Keyed<typeof addressKeys> = fields;
  const text = keys.text("address") ?? "";
  const address = parseCidr(text);
  if (address === undefined) {
    const isBare = parseIp(text) !== undefined;
    const advice = isBare ? `add the prefix length of its network: "${text}/24"` : "such as 10.10.0.5/24";
    const problem = `is expected to be in CIDR notation, got: ${quote(text)}`;
    throw fields.invalid("address", problem, advice);
  }
  const gatewayText = keys.text("gateway") ?? "";
  if (gatewayText === "") return { address };
  const gateway = parseIp(gatewayText);
  if (gateway === undefined) {
    throw fields.invalid("gateway", `is not an IP address: ${quote(gatewayText)}`, "such as 10.10.0.1");
  }
  if (gateway.family !== address.address.family) {
    const problem = `${formatIp(gateway)} is of another family than the address ${formatCidr(address)}`;
    throw fields.invalid("gateway", problem, "write a gateway of the address's own family");
  }
  return gateway.value === 0n ? { address } : { address, gateway };
}

function checkUnique(ips: readonly ResultIp[]): void {
  for (const [index, { address }] of ips.entries()) {
    const first = ips.findIndex((other) => isSameIp(other.address.address, address.address));
    if (first === index) continue;
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `the address ${formatIp(address.address)} is given twice`,
      `remove one of them from "ipam.addresses", or from what the container asks for`,
    );
  }
}

/** A requested address without gateway has that of the configured network in which it is. */
function withGateway(ip: ResultIp, configured: readonly ResultIp[]): ResultIp {
  if (ip.gateway !== undefined) return ip;
  const gateway = configured.find(({ address }) => contains(address, ip.address.address))?.gateway;
  return gateway === undefined || isSameIp(gateway, ip.address.address) ? ip : { ...ip, gateway };
}

/** Reads and checks all keys, and what the container asks for. Throws code 4, 6 or 7. */
export function readStatic(request: Request): StaticConfiguration {
  const ipam = ipamSection(request.configuration, EXAMPLE);
  const keys: Keyed<typeof staticKeys> = ipam;
  const configured = (keys.objects("addresses") ?? []).map(readAddress);
  const { replacing, added } = requestedIps(request, configured);
  const base = replacing.length > 0 ? replacing : configured;
  const ips = [...base, ...added].map((ip) => withGateway(ip, configured));
  checkUnique(ips);
  const families = ips.map(({ address }) => address.address.family);
  checkFamilies(request.configuration, families, "addresses");
  return { ips, routes: readRoutes(ipam), dns: readDns(keys.object("dns")) };
}
