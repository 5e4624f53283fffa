/** Connections that the kernel tracks already. Their packets meet the rules again only if the entries are removed. */

import {
  describePort,
  type FilterRecord,
  type HostPort,
  type HostPorts,
  type PortMapping,
  protocolNumbers,
  type TransportProtocol,
  targetOf,
} from "../../shared/filter/record.ts";
import { RecordStore } from "../../shared/filter/record-store.ts";
import { portReservation } from "../../shared/filter/reservation.ts";
import { type Family, formatIp, isSameIp } from "../../shared/ip/address.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import {
  type ConntrackQuery,
  countTracked,
  type Endpoint,
  findConnections,
  forgetConnections,
  forgetTranslated,
  type TrackedConnection,
} from "../../shared/netlink/conntrack.ts";
import { withNetfilter } from "../../shared/netlink/netfilter.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";

const isSame = (one: Endpoint, other: Endpoint) =>
  one.port === other.port && isSameIp(one.address, other.address);

type IsStale = (connection: TrackedConnection, mapping: PortMapping, target: Endpoint) => boolean;

/** The kernel walks its whole table for each list; in that time this many connections can be read. */
const READ_IN_A_WALK = 500;

/** For as many mappings, removing what leads to them one by one takes less time than one list. */
const FEW = 8;

/** Mappings of one family and protocol, by the port of the host. */
interface Group {
  readonly family: Family;
  readonly protocol: TransportProtocol;
  readonly ports: Map<number, PortMapping[]>;
}

function groupsOf(mappings: readonly PortMapping[]): Group[] {
  const groups = new Map<string, Group>();
  for (const mapping of mappings) {
    const { family, protocol, hostPort } = mapping;
    const name = `${family} ${protocol}`;
    const group = groups.get(name) ?? { family, protocol, ports: new Map() };
    groups.set(name, group);
    const known = group.ports.get(hostPort);
    if (known === undefined) group.ports.set(hostPort, [mapping]);
    else known.push(mapping);
  }
  return [...groups.values()];
}

/** The questions that find what was sent to a group's ports: one a port, or one for all. */
function queriesFor({ family, protocol, ports }: Group, count: number): ConntrackQuery[] {
  const plain = { family, protocol: protocolNumbers[protocol] };
  if (ports.size > 1 && ports.size * READ_IN_A_WALK > count) return [plain];
  return [...ports.keys()].map((port) => ({ ...plain, port }));
}

/** The part of host ports by which connections are recognized. */
type Ports = Pick<HostPorts, "mappings" | "targets">;

function endpointOf(ports: Ports, mapping: PortMapping): Endpoint | undefined {
  const target = targetOf(ports, mapping);
  return target && { address: target.address, port: mapping.containerPort };
}

/** Removes the entries of connections to the ports that are stale. */
function flush(ports: Ports, isStale: IsStale): void {
  const { mappings } = ports;
  const count = mappings.length === 0 ? 0 : countTracked();
  if (count === 0) return;
  const isStaleFor = (connection: TrackedConnection, mapping: PortMapping): boolean => {
    const target = endpointOf(ports, mapping);
    const { hostIp } = mapping;
    if (target === undefined) return false;
    if (hostIp !== undefined && !isSameIp(hostIp, connection.destination.address)) return false;
    return isStale(connection, mapping, target);
  };
  withNetfilter((netfilter) => {
    for (const group of groupsOf(mappings)) {
      const found = queriesFor(group, count).flatMap((query) => findConnections(netfilter, query));
      const stale = found.filter((connection) =>
        group.ports.get(connection.destination.port)?.some((mapping) => isStaleFor(connection, mapping)),
      );
      forgetConnections(netfilter, stale);
    }
  });
}

/** The kernel's loopback interface, which all local addresses are routed to, has this index in every namespace. */
const LOOPBACK = 1;

/** Gives `work` a socket for routes, and a function that looks up whether an attachment has reserved a port. */
function withLookups(
  work: (route: NetlinkConnection, isReserved: (port: HostPort) => boolean) => void,
): void {
  const route = new NetlinkConnection(Protocol.route);
  try {
    const store = new RecordStore(route, {});
    work(route, (port) => store.isReserved(portReservation(port)));
  } finally {
    route.close();
  }
}

/**
 * After ADD: flushes connections to the ports that lead elsewhere, such as to a container that is gone, or that were not
 * translated. Three kinds stay: connections through the node, connections of the node to other machines, and connections to an
 * address for which another attachment has the port, since a mapping of one address comes before one of all.
 *
 * TCP stays too: its clients say when a connection is new, and then the kernel looks at the rules again. DEL flushes what leads to
 * its container, and so does an ADD that takes a port over.
 */
export function flushStale(ports: Ports): void {
  const mappings = ports.mappings.filter(({ protocol }) => protocol !== "tcp");
  if (mappings.length === 0) return;
  withLookups((route, isReserved) =>
    flush({ ...ports, mappings }, ({ destination, answeredBy }, mapping, target) => {
      if (isSame(answeredBy, target)) return false;
      if (mapping.hostIp !== undefined) return true;
      if (isReserved({ ...mapping, hostIp: destination.address })) return false;
      return findOutputInterface(route, destination.address) === LOOPBACK;
    }),
  );
}

/** After DEL and GC: flushes connections that lead to the container of a record. */
export function flushToContainer({ hostPorts }: FilterRecord): void {
  if (hostPorts !== undefined) flushPorts(hostPorts);
}

function flushPorts(ports: Ports): void {
  if (countTracked() === 0) return;
  const few = ports.mappings.filter(({ family }) => family === 4);
  const isDone = few.length > 0 && few.length <= FEW && flushFew({ ...ports, mappings: few });
  const mappings = isDone ? ports.mappings.filter(({ family }) => family === 6) : ports.mappings;
  flush(
    { ...ports, mappings },
    ({ destination, answeredBy }, _, target) => isSame(answeredBy, target) && !isSame(destination, target),
  );
}

/** After a repeated ADD: flushes connections by mappings of the former ADD that the new one does not have. */
export function flushChanged(former: Ports, now: Ports): void {
  const textOf = (ports: Ports) => (mapping: PortMapping) => {
    const target = endpointOf(ports, mapping);
    return `${describePort(mapping)} ${target?.port} ${target && formatIp(target.address)}`;
  };
  const kept = new Set(now.mappings.map(textOf(now)));
  const formerText = textOf(former);
  const mappings = former.mappings.filter((mapping) => !kept.has(formerText(mapping)));
  if (mappings.length > 0) flushPorts({ ...former, mappings });
}

/** Of IPv4. Returns false where the kernel must be asked for a list. */
function flushFew(ports: Ports): boolean {
  const translated = ports.mappings.flatMap((mapping) => {
    const { protocol, hostPort: port, hostIp: destination } = mapping;
    const answeredBy = endpointOf(ports, mapping);
    return answeredBy ? [{ protocol: protocolNumbers[protocol], port, destination, answeredBy }] : [];
  });
  return withNetfilter((netfilter) => forgetTranslated(netfilter, translated));
}
