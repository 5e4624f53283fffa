/** Connections that the kernel knows already: their packets do not meet the rules again unless they are forgotten. */
import { isSameIp } from "../../shared/ip/address.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import {
  type Endpoint,
  findConnections,
  forgetConnections,
  isAnythingTracked,
  type TrackedConnection,
} from "../../shared/netfilter/conntrack.ts";
import { withNetfilter } from "../../shared/netfilter/host.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findOutputInterface } from "../../shared/netlink/route.ts";
import type { Forwarding, Mapping } from "./adaptor.ts";
import { protocolNumbers } from "./protocols.ts";
import { isClaimed } from "./registry.ts";

const isSame = (one: Endpoint, other: Endpoint) =>
  one.port === other.port && isSameIp(one.address, other.address);

type IsStale = (connection: TrackedConnection, mapping: Mapping, target: Endpoint) => boolean;

/** Forgets those connections to the mappings' ports that are stale. */
function forget({ mappings, targets }: Forwarding, isStale: IsStale): void {
  if (!isAnythingTracked()) return;
  withNetfilter((netfilter) => {
    for (const mapping of mappings) {
      const address = targetOf(targets, mapping);
      if (address === undefined) continue;
      const { family, hostPort, containerPort, hostIp } = mapping;
      const query = { family, protocol: protocolNumbers[mapping.protocol], port: hostPort };
      const found = findConnections(netfilter, hostIp === undefined ? query : { ...query, address: hostIp });
      const target = { address, port: containerPort };
      forgetConnections(
        netfilter,
        found.filter((connection) => isStale(connection, mapping, target)),
      );
    }
  });
}

const targetOf = (targets: readonly Cidr[], { family }: Mapping) =>
  targets.find(({ address }) => address.family === family)?.address;

/** The kernel's loopback interface, which all local addresses are routed to, has this index in every namespace. */
const LOOPBACK = 1;

/**
 * After ADD: connections to the ports that lead elsewhere, such as to a container that is gone; and, of protocols whose
 * clients never say that they begin anew, those that were not translated at all. Connections through the node, or from
 * it to other machines, that merely have the same port, are none of ours, nor are those to an address for which another
 * attachment has the port: its mapping comes before one of all addresses.
 */
export function forgetOthers(forwarding: Forwarding): void {
  const route = new NetlinkConnection(Protocol.route);
  try {
    forget(forwarding, ({ destination, answeredBy }, mapping, target) => {
      if (isSame(answeredBy, target)) return false;
      if (mapping.protocol === "tcp" && isSame(answeredBy, destination)) return false;
      if (mapping.hostIp !== undefined) return true;
      if (isClaimed({ ...mapping, hostIp: destination.address })) return false;
      return findOutputInterface(route, destination.address) === LOOPBACK;
    });
  } finally {
    route.close();
  }
}

/** After DEL: connections that lead to the container. */
export function forgetOwn(forwarding: Forwarding): void {
  forget(
    forwarding,
    ({ destination, answeredBy }, _, target) => isSame(answeredBy, target) && !isSame(destination, target),
  );
}
