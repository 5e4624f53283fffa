/**
 * Interfaces on top of a device that stays where it is: macvlan, ipvlan, vlan. ADD, CHECK and STATUS, which differ by the settings of the
 * kind only.
 */
import { type Container, openContainer } from "../cni/container.ts";
import { delegateStatus } from "../cni/delegate.ts";
import { ErrorCode } from "../cni/error.ts";
import { attachmentOf, type Request } from "../cni/plugin.ts";
import type { Result } from "../cni/result.ts";
import type { Cidr } from "../ip/cidr.ts";
import type { BodyWriter } from "../netlink/body-writer.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import type { Link } from "../netlink/link.ts";
import { newLink } from "../netlink/new-link.ts";
import { planAddresses } from "./addresses.ts";
import { attach } from "./attach.ts";
import { drift, RECREATE } from "./check.ts";
import { checkInside } from "./check-inside.ts";
import { createInside } from "./create-link.ts";
import type { HostChange } from "./host-change.ts";
import { allocate, needsInterface } from "./ipam.ts";
import { bringUp, configureOnLan, noAddresses, passesFrames } from "./lan-interface.ts";
import { checkMtu, findMaster, type Master, masterSide } from "./master.ts";
import { checkKind } from "./missing-kind.ts";
import { chooseDns, describeLink } from "./result.ts";
import { validateNameIsFree } from "./veth.ts";

export interface SubInterface {
  /** The kernel's kind: "macvlan", "ipvlan", "vlan". */
  readonly kind: string;
  readonly master: Master;
  /** Undefined: that of the master. */
  readonly mtu: number | undefined;
  /** Writes IFLA_INFO_DATA. */
  readonly data: (writer: BodyWriter) => void;
  /** The hardware address for these IP addresses; undefined: the kernel chooses. */
  readonly mac?: (addresses: readonly Cidr[]) => Uint8Array | undefined;
  /** What a refusal by the kernel means; undefined if it is not special to the kind. Asks with a connection in the master's namespace. */
  readonly explain?: (refused: NetlinkError, master: Link, netlink: NetlinkConnection) => Error | undefined;
  /** The addresses of a chained ADD without IPAM: those of prevResult. */
  readonly addresses?: Result;
}

/** Makes the link on its master. */
function create(
  request: Request,
  { kind, mtu, data }: SubInterface,
  container: Container,
  { netlink, undo }: HostChange,
  { below, mac }: { readonly below: Link; readonly mac: Uint8Array | undefined },
): Link {
  const namespace = container.namespace.descriptor;
  const settings = { ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
  const message = (name: string) =>
    newLink({ kind, name, parent: below.index, namespace, data, ...settings });
  return createInside(container, undo, { owner: attachmentOf(request), kind, create: message, netlink });
}

/** Runs `work`, and throws what the kind explains of a refusal by the kernel. */
function explained<Value>(
  sub: SubInterface,
  below: Link,
  netlink: NetlinkConnection,
  work: () => Value,
): Value {
  try {
    return work();
  } catch (thrown) {
    throw (thrown instanceof NetlinkError ? sub.explain?.(thrown, below, netlink) : undefined) ?? thrown;
  }
}

/** ADD. Throws codes 4, 7, 50 and 999, and those of IPAM. */
export function addSubInterface(request: Request, sub: SubInterface): Result {
  return attach(request, (container, { netlink: host, undo }) => {
    validateNameIsFree(container, request.ifname);
    const netlink = masterSide(sub.master, host, container);
    const below = findMaster(netlink, sub.master);
    checkMtu(sub.mtu, below);
    const isExplained = <Value>(work: () => Value) => explained(sub, below, netlink, work);
    const make = (addresses: readonly Cidr[]) =>
      create(request, sub, container, { netlink, undo }, { below, mac: sub.mac?.(addresses) });
    const isEarly = sub.addresses === undefined && needsInterface(request);
    const early = isEarly ? isExplained(() => bringUp(container, make([]))) : undefined;
    const ipam = sub.addresses ?? allocate(request, undo);
    const isBare = sub.addresses === undefined && request.configuration.ipamType === "";
    const planned = isBare ? noAddresses : planAddresses(ipam, 0);
    const link = isExplained(() => {
      const made = early ?? make(planned.ips.map(({ address }) => address));
      configureOnLan(container, made, planned, () => passesFrames(below));
      return made;
    });
    const { ips, routes } = planned;
    return { interfaces: [describeLink(link, request.netns)], ips, routes, dns: chooseDns(request, ipam) };
  });
}

/** Runs `work` with a connection in the master's namespace. */
function withMaster<Value>(
  request: Request,
  { master }: SubInterface,
  work: (netlink: NetlinkConnection) => Value,
) {
  if (master.isInContainer) {
    const container = openContainer(request);
    try {
      return work(container.netlink);
    } finally {
      container.close();
    }
  }
  const host = new NetlinkConnection(Protocol.route);
  try {
    return work(host);
  } finally {
    host.close();
  }
}

/** On a master of its own kind, the kernel puts an interface on what that one is on (macvlan_common_newlink, ipvlan_link_new). */
const isOn = (link: Link, below: Link): boolean =>
  link.peer === below.index || (below.kind === link.kind && link.peer === below.peer);

/** CHECK. `more` compares the settings of the kind. */
export function checkSubInterface(request: Request, sub: SubInterface, more: (link: Link) => void): void {
  // Without a name, ADD took what had the default route then, or what an earlier plugin had made.
  const isNamed = sub.master.name !== undefined;
  const below = isNamed ? withMaster(request, sub, (netlink) => findMaster(netlink, sub.master)) : undefined;
  checkInside(request, { place: "container", kind: sub.kind }, (link) => {
    if (below !== undefined && !isOn(link, below))
      throw drift(`the interface ${link.name} is not on ${below.name}`, RECREATE);
    if (sub.mtu !== undefined && sub.mtu !== link.mtu)
      throw drift(`the interface ${link.name} has the MTU ${link.mtu}, expected ${sub.mtu}`, RECREATE);
    more(link);
  });
}

/** STATUS: the kernel has the kind, the master is there, and IPAM has addresses. Throws code 50. */
export function statusSubInterface(request: Request, sub: SubInterface): void {
  checkKind(sub.kind);
  // A master in the container is not there before the container is.
  if (!sub.master.isInContainer) {
    const link = withMaster(request, sub, (netlink) =>
      findMaster(netlink, sub.master, ErrorCode.notAvailable),
    );
    checkMtu(sub.mtu, link);
  }
  const { ipamType } = request.configuration;
  if (ipamType !== "") delegateStatus(request, ipamType);
}
