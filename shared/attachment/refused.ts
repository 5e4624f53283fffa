/** What it means that the kernel refuses an address or a route which IPAM gave for a container. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultIp } from "../cni/result.ts";
import { formatIp } from "../ip/address.ts";
import { type Cidr, contains, formatCidr } from "../ip/cidr.ts";
import type { NetlinkError } from "../netlink/error.ts";
import type { Route } from "../netlink/route.ts";
import { Errno } from "../system/errno.ts";

interface Subject {
  readonly address: Cidr | undefined;
  readonly route: Route | undefined;
}

/** The values cannot be right, whatever the node's state. */
const unacceptable: readonly number[] = [
  Errno.EINVAL,
  Errno.ERANGE,
  Errno.EADDRNOTAVAIL,
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
];

function invalid(message: string, advice: string, cause: NetlinkError): CniError {
  return new CniError(ErrorCode.invalidConfiguration, message, advice, cause);
}

/** IPAM's plugin and its store are as they were before: the attachment is undone. */
function refusedRoute(
  cause: NetlinkError,
  { destination, gateway }: Route,
  { name, ips }: { readonly name: string; readonly ips: readonly ResultIp[] },
): CniError {
  const to = formatCidr(destination);
  const isReachable = gateway === undefined || ips.some(({ address }) => contains(address, gateway));
  if (isReachable || cause.errno === Errno.EEXIST) {
    const advice = `correct the route in "ipam": its scope, its table and its gateway; ip route shows what ${name} has already`;
    return invalid(`the route to ${to} is impossible on ${name}: ${cause.message}`, advice, cause);
  }
  const networks = ips.map(({ address }) => formatCidr(address)).join(", ");
  const via = formatIp(gateway);
  return invalid(
    `the gateway ${via} of the route to ${to} is in no network of ${name} (${networks})`,
    `correct "gateway" of the range or "gw" of the route in "ipam"; if ${via} is on the link, add the route {"dst": "${hostRoute(gateway)}", "scope": 253}`,
    cause,
  );
}

const hostRoute = (gateway: NonNullable<Route["gateway"]>) =>
  `${formatIp(gateway)}/${gateway.family === 4 ? 32 : 128}`;

/** The error in terms of what IPAM gave; the kernel's own if that is not the cause. */
export function refusedByKernel(
  cause: NetlinkError,
  on: { readonly name: string; readonly ips: readonly ResultIp[] },
  { address, route }: Subject,
): CniError | NetlinkError {
  if (!unacceptable.includes(cause.errno) && !(cause.errno === Errno.EEXIST && route !== undefined))
    return cause;
  if (route !== undefined) return refusedRoute(cause, route, on);
  if (address === undefined) return cause;
  return invalid(
    `${on.name} cannot have the address ${formatCidr(address)}: ${cause.message}`,
    `IPAM gave it: correct the range in "ipam", which must have unicast addresses`,
    cause,
  );
}
