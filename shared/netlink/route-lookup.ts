/** Route lookups: how the kernel would send to an address. Constants: include/uapi/linux/rtnetlink.h. */
import { bitsOf, formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
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

/** Equivalent to: ip route get ADDRESS. Undefined without a route. */
export function lookUpRoute(connection: NetlinkConnection, address: IpAddress): RouteLookup | undefined {
  // No route: ENETUNREACH, EHOSTUNREACH, or the errno of an unreachable route.
  const { body } = connection.query(lookUpMessage(address));
  return body === undefined ? undefined : readLookup(body);
}

/** The same for many addresses, with few system calls. */
export function lookUpRoutes(
  connection: NetlinkConnection,
  addresses: readonly IpAddress[],
): (RouteLookup | undefined)[] {
  // Acknowledged, since a batch ends with the last acknowledgement.
  const answers = connection.transact(addresses.map((address) => lookUpMessage(address, Flag.ack)));
  return answers.map(({ bodies: [body] }) => (body === undefined ? undefined : readLookup(body)));
}

/** The index of the outgoing link for an address; undefined without a route. */
export function findOutputInterface(connection: NetlinkConnection, address: IpAddress): number | undefined {
  return lookUpRoute(connection, address)?.index;
}
