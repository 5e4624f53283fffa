/** The container's interface, as the client of a server uses it. */
import { NetlinkConnection, Protocol } from "../../../shared/netlink/connection.ts";
import { findLink, findLinkByIndex, type Link, parseMac, setLink } from "../../../shared/netlink/link.ts";
import { type Namespace, namespaceIdentity, openNamespace } from "../../../shared/system/netns.ts";
import { openPacketSocket } from "../../../shared/system/socket.ts";
import { clientFilter, ETHERTYPE_IPV4 } from "../wire/frame.ts";
import type { Place } from "./record.ts";

/** Why an interface cannot be used. `isGone`: it never can be again. */
export class NoInterface extends Error {
  readonly isGone: boolean;

  constructor(message: string, isGone: boolean) {
    super(message);
    this.isGone = isGone;
  }
}

function inside<Value>(
  path: string,
  work: (namespace: Namespace, netlink: NetlinkConnection) => Value,
): Value {
  const namespace = openNamespace(path);
  if (typeof namespace === "string")
    throw new NoInterface(`the network namespace ${path} is ${namespace}`, namespace !== "denied");
  try {
    const netlink = namespace.run(() => new NetlinkConnection(Protocol.route));
    try {
      return work(namespace, netlink);
    } finally {
      netlink.close();
    }
  } finally {
    namespace.close();
  }
}

function describe(namespace: Namespace, ifname: string, link: Link | undefined): Place {
  if (link === undefined) {
    const advice =
      "dhcp needs a plugin that makes it before it asks for addresses, such as bridge, macvlan, ipvlan or vlan";
    throw new NoInterface(`there is no interface ${ifname} in ${namespace.path}: ${advice}`, false);
  }
  const mac = parseMac(link.mac);
  if (mac === undefined)
    throw new NoInterface(`the interface ${ifname} is no Ethernet: DHCP needs one`, false);
  return {
    namespace: { path: namespace.path, identity: namespaceIdentity(namespace) },
    ifname,
    index: link.index,
    mac,
    // Its MAC address is that of others, too: the kernel looks for the owner of the destination's IP address.
    needsBroadcast: link.kind === "ipvlan",
  };
}

/** The interface of that name. Sets it up, since a server could not be asked otherwise, unless `bringsUp` is false. Throws NoInterface. */
export const findInterface = (path: string, ifname: string, { bringsUp = true } = {}): Place =>
  inside(path, (namespace, netlink) => {
    const link = findLink(netlink, ifname);
    const place = describe(namespace, ifname, link);
    if (bringsUp && link?.isUp === false) netlink.execute(setLink({ index: place.index }, { up: true }));
    return place;
  });

/** Runs `work` if the namespace is the same and the interface is there, under whatever name. */
function atPlace<Value>(
  place: Place,
  work: (namespace: Namespace, netlink: NetlinkConnection, link: Link) => Value,
): Value {
  return inside(place.namespace.path, (namespace, netlink) => {
    if (namespaceIdentity(namespace) !== place.namespace.identity)
      throw new NoInterface(`${namespace.path} leads to another network namespace by now`, true);
    const link = findLinkByIndex(netlink, place.index);
    if (link === undefined)
      throw new NoInterface(`the interface ${place.ifname} is gone from ${namespace.path}`, false);
    return work(namespace, netlink, link);
  });
}

/** A packet socket on the interface. While it is open, the namespace lives. Throws NoInterface. */
export const openSocket = (place: Place): number =>
  atPlace(place, (namespace, _, { index }) =>
    namespace.run(() => openPacketSocket(index, ETHERTYPE_IPV4, clientFilter)),
  );

/** Sets the interface down. Throws NoInterface. */
export const setDown = (place: Place): void =>
  atPlace(place, (_, netlink, { index }) => void netlink.execute(setLink({ index }, { up: false })));
