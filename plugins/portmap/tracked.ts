/** Connections that the kernel knows already: their packets do not meet the rules again unless they are forgotten. */
import { type Family, formatIp, isSameIp } from "../../shared/ip/address.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import {
  type ConntrackQuery,
  countTracked,
  type Endpoint,
  findConnections,
  forgetConnections,
  forgetTranslated,
  type TrackedConnection,
} from "../../shared/netfilter/conntrack.ts";
import { withNetfilter } from "../../shared/netfilter/host.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";
import type { Forwarding, Mapping, TransportProtocol } from "./adaptor.ts";
import { isClaimed } from "./claims.ts";
import { describeMapping } from "./port-requests.ts";
import { protocolNumbers } from "./protocols.ts";

/** Ports and where they lead: all that connections are recognised by. */
type Leading = Pick<Forwarding, "mappings" | "targets">;

const isSame = (one: Endpoint, other: Endpoint) =>
  one.port === other.port && isSameIp(one.address, other.address);

type IsStale = (connection: TrackedConnection, mapping: Mapping, target: Endpoint) => boolean;

/** The kernel walks its whole table for each list; in that time this many connections can be read. */
const READ_IN_A_WALK = 500;

/** For as many mappings, removing what leads to them one by one takes less time than one list. */
const FEW = 8;

/** Mappings of one family and protocol, by the port of the host. */
interface Group {
  readonly family: Family;
  readonly protocol: TransportProtocol;
  readonly ports: Map<number, Mapping[]>;
}

function groupsOf(mappings: readonly Mapping[]): Group[] {
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

/** Forgets those connections to the mappings' ports that are stale. */
function forget({ mappings, targets }: Leading, isStale: IsStale): void {
  const count = mappings.length === 0 ? 0 : countTracked();
  if (count === 0) return;
  const isStaleFor = (connection: TrackedConnection, mapping: Mapping): boolean => {
    const { hostIp, containerPort } = mapping;
    const address = targetOf(targets, mapping);
    if (address === undefined) return false;
    if (hostIp !== undefined && !isSameIp(hostIp, connection.destination.address)) return false;
    return isStale(connection, mapping, { address, port: containerPort });
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

const targetOf = (targets: readonly Cidr[], { family }: Mapping) =>
  targets.find(({ address }) => address.family === family)?.address;

/** The kernel's loopback interface, which all local addresses are routed to, has this index in every namespace. */
const LOOPBACK = 1;

/**
 * After ADD: connections to the ports that lead elsewhere, such as to a container that is gone, or were not translated
 * at all. Connections through the node, or from it to other machines, that merely have the same port, are none of ours,
 * nor are those to an address for which another attachment has the port: its mapping comes before one of all addresses.
 *
 * Not those of TCP: its clients say when they begin anew, and then the kernel looks at the rules again. What leads to a
 * container that is gone is forgotten with it, by DEL or when its port is taken over.
 */
export function forgetOthers({ mappings, targets }: Forwarding): void {
  const lasting = mappings.filter(({ protocol }) => protocol !== "tcp");
  if (lasting.length === 0) return;
  const route = new NetlinkConnection(Protocol.route);
  try {
    forget({ mappings: lasting, targets }, ({ destination, answeredBy }, mapping, target) => {
      if (isSame(answeredBy, target)) return false;
      if (mapping.hostIp !== undefined) return true;
      if (isClaimed({ ...mapping, hostIp: destination.address })) return false;
      return findOutputInterface(route, destination.address) === LOOPBACK;
    });
  } finally {
    route.close();
  }
}

/** After DEL: connections that lead to the container. */
export function forgetOwn({ mappings, targets }: Leading): void {
  if (countTracked() === 0) return;
  const few = mappings.filter(({ family }) => family === 4);
  const isDone = few.length > 0 && few.length <= FEW && forgetFew(few, targets);
  const rest = isDone ? mappings.filter(({ family }) => family === 6) : mappings;
  forget(
    { mappings: rest, targets },
    ({ destination, answeredBy }, _, target) => isSame(answeredBy, target) && !isSame(destination, target),
  );
}

/** After a repeated ADD: connections of the former one that the new one would not translate as they are. */
export function forgetFormer(former: Forwarding, now: Forwarding): void {
  const way = (of: Forwarding) => (mapping: Mapping) => {
    const target = targetOf(of.targets, mapping);
    return `${describeMapping(mapping)} ${mapping.containerPort} ${target && formatIp(target)}`;
  };
  const kept = new Set(now.mappings.map(way(now)));
  const formerWay = way(former);
  const mappings = former.mappings.filter((mapping) => !kept.has(formerWay(mapping)));
  if (mappings.length > 0) forgetOwn({ mappings, targets: former.targets });
}

/** Of IPv4. Returns false where the kernel has to be asked for a list. */
function forgetFew(mappings: readonly Mapping[], targets: readonly Cidr[]): boolean {
  const translated = mappings.flatMap((mapping) => {
    const { protocol, hostPort: port, hostIp: destination, containerPort } = mapping;
    const address = targetOf(targets, mapping);
    const answeredBy = address && { address, port: containerPort };
    return answeredBy ? [{ protocol: protocolNumbers[protocol], port, destination, answeredBy }] : [];
  });
  return withNetfilter((netfilter) => forgetTranslated(netfilter, translated));
}
