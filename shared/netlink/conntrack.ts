/**
 * The kernel's connection tracking table, over netlink: entries of a host port are found and forgotten, so that
 * packets on a known path meet the rules again. include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 */
import { type Family, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Attributes } from "../netlink/attributes.ts";
import { BodyWriter, NESTED } from "../netlink/body-writer.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { Errno } from "../system/errno.ts";
import { readSysctl } from "../system/sysctl.ts";
import { NetfilterFamily, nfnetlinkHeader, nfnetlinkMessage, Subsystem } from "./netfilter.ts";

const Command = { get: 1, delete: 2 } as const;

/** enum ctattr_type. */
const Attribute = { original: 1, reply: 2, status: 3, id: 12, zone: 18, filter: 25, statusMask: 26 } as const;
/** enum ctattr_tuple, ctattr_ip and ctattr_l4proto. */
const Tuple = { ip: 1, protocol: 2 } as const;
const Ip = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const Protocol = { number: 1, sourcePort: 2, destinationPort: 3 } as const;

/** enum ctattr_filter, and its flags: net/netfilter/nf_internals.h. */
const Filter = { original: 1, reply: 2 } as const;
const FilterFlag = {
  source: 1 << 0,
  destination: 1 << 1,
  protocol: 1 << 3,
  sourcePort: 1 << 4,
  destinationPort: 1 << 5,
} as const;

/** enum ip_conntrack_status: the destination was translated. */
const DESTINATION_TRANSLATED = 1 << 5;

/** What connections are looked for by: where they were sent to, before any translation. */
export interface ConntrackQuery {
  readonly family: Family;
  /** IPPROTO_TCP and so on. */
  readonly protocol: number;
  /** Absent: any. */
  readonly port?: number;
}

/** One direction's goal, or its origin. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

export interface TrackedConnection {
  readonly family: Family;
  /** Where the first packet was sent to. */
  readonly destination: Endpoint;
  /** Where answers come from: another endpoint than `destination` if it was translated. */
  readonly answeredBy: Endpoint;
  /** The message it was found in, which names it to the kernel. */
  readonly body: Uint8Array;
}

function familyNumber(family: Family): number {
  return family === 4 ? NetfilterFamily.ipv4 : NetfilterFamily.ipv6;
}

/** The number of connections in the table; 0 also where the kernel tracks nothing. Costs no question to the table. */
export function countTracked(): number {
  return Number(readSysctl("netfilter/nf_conntrack_count") ?? 0);
}

/** One port of a direction, as a nested CTA_TUPLE_PROTO. */
function writePort(tuple: BodyWriter, protocol: number, side: number, port: number | undefined): void {
  tuple.nested(Tuple.protocol, (inner) => {
    inner.u8(Protocol.number, protocol);
    if (port !== undefined) inner.u16be(side, port);
  });
}

/** Kernels since 5.8 hand out only what the filter names; older ones pass over it and hand out everything. */
function listMessage({ family, protocol, port }: ConntrackQuery): NetlinkMessage {
  const flags = FilterFlag.protocol | (port === undefined ? 0 : FilterFlag.destinationPort);
  const body = new BodyWriter()
    .raw(nfnetlinkHeader(familyNumber(family)))
    .nested(Attribute.original, (tuple) => writePort(tuple, protocol, Protocol.destinationPort, port))
    .nested(Attribute.filter, (filter) => filter.u32(Filter.original, flags))
    .finish();
  return nfnetlinkMessage(Subsystem.conntrack, Command.get, 0, body, "look for tracked connections");
}

function endpoint(tuple: Attributes, family: Family, side: "source" | "destination"): Endpoint | undefined {
  const address = tuple.nested(Tuple.ip).bytes(Ip[family][side]);
  const port = tuple
    .nested(Tuple.protocol)
    .u16be(side === "source" ? Protocol.sourcePort : Protocol.destinationPort);
  return address === undefined || port === undefined ? undefined : { address: fromBytes(address), port };
}

function readConnection(body: Uint8Array, { family, protocol, port }: ConntrackQuery): TrackedConnection[] {
  const attributes = new Attributes(body, 4);
  const original = attributes.nested(Attribute.original);
  const destination = endpoint(original, family, "destination");
  const answeredBy = endpoint(attributes.nested(Attribute.reply), family, "source");
  if (destination === undefined || answeredBy === undefined) return [];
  if (original.nested(Tuple.protocol).u8(Protocol.number) !== protocol) return [];
  if (port !== undefined && destination.port !== port) return [];
  return [{ family, destination, answeredBy, body }];
}

/** The connections of a protocol that were sent to a port. The kernel walks its whole table: some 10 ms, however little is in it. */
export function findConnections(connection: NetlinkConnection, query: ConntrackQuery): TrackedConnection[] {
  return connection.dump(listMessage(query)).flatMap((body) => readConnection(body, query));
}

/**
 * Translated connections: sent to a port, of one of the host's addresses or of any, and answered by an endpoint. Of
 * IPv4 only: kernels compare the addresses of IPv6 in a filter the wrong way round (6.18 removes all but those named).
 */
export interface Translated {
  readonly protocol: number;
  readonly port: number;
  /** Absent: any. */
  readonly destination: IpAddress | undefined;
  readonly answeredBy: Endpoint;
}

function forgetTranslatedMessage({ protocol, port, destination, answeredBy }: Translated): NetlinkMessage {
  const family = 4;
  const original =
    FilterFlag.protocol |
    FilterFlag.destinationPort |
    (destination === undefined ? 0 : FilterFlag.destination);
  const body = new BodyWriter()
    .raw(nfnetlinkHeader(familyNumber(family)))
    .nested(Attribute.original, (tuple) => {
      if (destination !== undefined) {
        tuple.nested(Tuple.ip, (ip) => ip.bytes(Ip[family].destination, toBytes(destination)));
      }
      writePort(tuple, protocol, Protocol.destinationPort, port);
    })
    .nested(Attribute.reply, (tuple) => {
      tuple.nested(Tuple.ip, (ip) => ip.bytes(Ip[family].source, toBytes(answeredBy.address)));
      writePort(tuple, protocol, Protocol.sourcePort, answeredBy.port);
    })
    .u32be(Attribute.status, DESTINATION_TRANSLATED)
    .u32be(Attribute.statusMask, DESTINATION_TRANSLATED)
    .nested(Attribute.filter, (filter) => {
      filter.u32(Filter.original, original);
      filter.u32(Filter.reply, FilterFlag.source | FilterFlag.protocol | FilterFlag.sourcePort);
    })
    .finish();
  const purpose = "forget translated connections";
  return nfnetlinkMessage(Subsystem.conntrack, Command.delete, Flag.request | Flag.ack, body, purpose);
}

/**
 * Removes translated connections without listing them: the kernel passes over its table in a twentieth of the time a
 * list takes. Returns false where it cannot: an older kernel takes the incomplete tuple for a wrong one, and refuses it.
 */
export function forgetTranslated(connection: NetlinkConnection, wanted: readonly Translated[]): boolean {
  let known = true;
  for (const { error } of connection.transact(wanted.map(forgetTranslatedMessage))) {
    if (error === undefined) continue;
    if (error.errno !== Errno.EINVAL && error.errno !== Errno.EOPNOTSUPP) throw error;
    known = false;
  }
  return known;
}

/** By its tuple and its number, so that no later connection of the same tuple is meant. */
function forgetMessage({ family, body }: TrackedConnection): NetlinkMessage {
  const attributes = new Attributes(body, 4);
  const writer = new BodyWriter().raw(nfnetlinkHeader(familyNumber(family)));
  writer.bytes(Attribute.original | NESTED, attributes.bytes(Attribute.original) ?? new Uint8Array(0));
  for (const type of [Attribute.id, Attribute.zone]) {
    const value = attributes.bytes(type);
    if (value !== undefined) writer.bytes(type, value);
  }
  const purpose = "forget a tracked connection";
  return nfnetlinkMessage(
    Subsystem.conntrack,
    Command.delete,
    Flag.request | Flag.ack,
    writer.finish(),
    purpose,
  );
}

/** Removes the entries; those that have ended meanwhile are fine. */
export function forgetConnections(
  connection: NetlinkConnection,
  tracked: readonly TrackedConnection[],
): void {
  for (const { error } of connection.transact(tracked.map(forgetMessage))) {
    if (error !== undefined && error.errno !== Errno.ENOENT) throw error;
  }
}
