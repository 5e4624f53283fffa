/** Route lookups: how the kernel would send to an address. Constants: include/uapi/linux/rtnetlink.h. */
import { bitsOf, formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Errno } from "../system/errno.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import type { NetlinkError } from "./error.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import { RouteAttribute, RouteMessage, routeHeader } from "./route-message.ts";

/** RTN_LOCAL: an address of this node. */
const KIND_LOCAL = 2;

/** The kernel's route lookup for an address. */
export interface RouteLookup {
  /** The outgoing link; "lo" for an address of this node. */
  readonly index: number;
  /** Undefined if the address is on the link. */
  readonly gateway: IpAddress | undefined;
  /** The source address that the kernel chooses. */
  readonly source: IpAddress | undefined;
  /** True for an address of this node. */
  readonly isLocal: boolean;
}

function lookUpMessage(address: IpAddress, flags = 0): NetlinkMessage {
  const { family } = address;
  return {
    type: RouteMessage.get,
    flags: Flag.request | flags,
    body: new BodyWriter()
      .raw(routeHeader({ family, prefixLength: bitsOf(family) }))
      .bytes(RouteAttribute.destination, toBytes(address))
      .finish(),
    get purpose() {
      return `look for the route to ${formatIp(address)}`;
    },
  };
}

function readLookup(body: Uint8Array): RouteLookup {
  const attributes = new Attributes(body, 12);
  const address = (type: number) => {
    const bytes = attributes.bytes(type);
    return bytes === undefined ? undefined : fromBytes(bytes);
  };
  return {
    index: attributes.u32(RouteAttribute.outputInterface) ?? 0,
    gateway: address(RouteAttribute.gateway),
    source: address(RouteAttribute.preferredSource),
    isLocal: body[7] === KIND_LOCAL,
  };
}

/** No route, or one of the type unreachable, prohibit or blackhole (net/ipv4/fib_semantics.c, fib_props). */
const noRoute: readonly number[] = [
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
  Errno.EACCES,
  Errno.EINVAL,
  Errno.ENETDOWN,
  Errno.ENODEV,
];

function resultOf(body: Uint8Array | undefined, error: NetlinkError | undefined): RouteLookup | undefined {
  if (error !== undefined && !noRoute.includes(error.errno)) throw error;
  return body === undefined ? undefined : readLookup(body);
}

/** Equivalent to: ip route get ADDRESS. Undefined without a route. */
export function lookUpRoute(connection: NetlinkConnection, address: IpAddress): RouteLookup | undefined {
  const { body, error } = connection.query(lookUpMessage(address));
  return resultOf(body, error);
}

/** The same for many addresses, with few system calls. */
export function lookUpRoutes(
  connection: NetlinkConnection,
  addresses: readonly IpAddress[],
): (RouteLookup | undefined)[] {
  // Acknowledged, since a batch ends with the last acknowledgement.
  const answers = connection.transact(addresses.map((address) => lookUpMessage(address, Flag.ack)));
  return answers.map(({ bodies: [body], error }) => resultOf(body, error));
}

/** RTM_F_FIB_MATCH: answer with the route, not with what follows from it. */
const FIB_MATCH = 0x2000;

export interface FoundRoute {
  /** The outgoing link. */
  readonly index: number;
  /** The route is to 0.0.0.0/0 or ::/0. Kernels before 4.13 do not say so. */
  readonly isDefault: boolean;
}

/** Equivalent to: ip route get fibmatch ADDRESS. Undefined without a route. */
export function findRoute(connection: NetlinkConnection, address: IpAddress): FoundRoute | undefined {
  const message = lookUpMessage(address);
  new DataView(message.body.buffer, message.body.byteOffset).setUint32(8, FIB_MATCH, true);
  const { body } = connection.query(message);
  const index = body === undefined ? 0 : readLookup(body).index;
  if (body === undefined || index === 0) return findFirstHop(connection, address);
  return { index, isDefault: body[1] === 0 };
}

/** For a route with several next hops: the one that the kernel chooses now. */
function findFirstHop(connection: NetlinkConnection, address: IpAddress): FoundRoute | undefined {
  const index = findOutputInterface(connection, address);
  return index === undefined ? undefined : { index, isDefault: false };
}

/** The index of the outgoing link for an address; undefined without a route. */
export function findOutputInterface(connection: NetlinkConnection, address: IpAddress): number | undefined {
  return lookUpRoute(connection, address)?.index;
}
