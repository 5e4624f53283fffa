/**
 * loopback: brings up "lo" in the container. Runtimes run it for every pod, whatever the network is.
 *
 * If ADD finds "lo" down, it writes the attachment into its alias. DEL takes "lo" down only with that alias: its path may lead to another
 * container by now, whose 127.0.0.1 must go on.
 */
import { hasOwner, isAliasOf } from "../../shared/attachment/link-alias.ts";
import { ownerText } from "../../shared/cni/attachment.ts";
import { openContainer, openContainerIfPresent } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { attachmentOf, type Plugin, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatCidr } from "../../shared/ip/cidr.ts";
import { type InterfaceAddress, listAddresses } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLink, type Link, setLink } from "../../shared/netlink/link.ts";
import { Rollback } from "../../shared/rollback.ts";

/** The kernel makes "lo" with the namespace. CNI_IFNAME is ignored. */
const LOOPBACK = "lo";

function findLoopback(netlink: NetlinkConnection, netns: string): Link {
  const link = findLink(netlink, LOOPBACK);
  if (link !== undefined) return link;
  throw new CniError(
    ErrorCode.internal,
    `there is no interface lo in ${netns}`,
    "is it a network namespace?",
  );
}

/** 127.0.0.0/8 and ::1. Other addresses on "lo" are not the kernel's, and are not reported. */
function isLoopbackAddress({ cidr }: InterfaceAddress): boolean {
  const { family, value } = cidr.address;
  return family === 4 ? value >> 24n === 127n : value === 1n;
}

function buildResult(link: Link, addresses: readonly InterfaceAddress[], netns: string): Result {
  return {
    interfaces: [{ name: LOOPBACK, mac: link.mac, mtu: link.mtu, sandbox: netns }],
    ips: addresses.map(({ cidr }) => ({ address: cidr, interface: 0 })),
    routes: [],
    dns: {},
  };
}

/** Throws code 999 for an address that is not the kernel's: "lo" then serves another purpose. */
function refuseForeignAddresses(addresses: readonly InterfaceAddress[], netns: string): void {
  const foreign = addresses.filter((address) => !isLoopbackAddress(address));
  if (foreign.length === 0) return;
  const found = foreign.map(({ cidr }) => formatCidr(cidr)).join(", ");
  const advice = "remove it, or leave the loopback plugin out of this network";
  throw new CniError(ErrorCode.internal, `lo in ${netns} has a non-loopback address: ${found}`, advice);
}

/** Brings "lo" up. If it was down, that is this attachment's work: in its alias, unless another program has written one. */
function bringUp(
  netlink: NetlinkConnection,
  { index, isUp, alias }: Link,
  request: Request,
  undo: Rollback,
): void {
  if (isUp) return;
  const isFree = alias === "" || hasOwner(alias);
  undo.onFailure(() => void netlink.execute(setLink({ index }, { up: false, alias })));
  const owner = isFree ? { alias: ownerText(attachmentOf(request)) } : {};
  netlink.execute(setLink({ index }, { up: true, ...owner }));
}

function add(request: Request): Result {
  const container = openContainer(request);
  const undo = new Rollback();
  try {
    const { netlink } = container;
    const before = findLoopback(netlink, request.netns);
    refuseForeignAddresses(listAddresses(netlink, before.index), request.netns);
    bringUp(netlink, before, request, undo);
    const result =
      request.configuration.prevResult ??
      buildResult(before, listAddresses(netlink, before.index), request.netns);
    undo.commit();
    return result;
  } finally {
    undo.run();
    container.close();
  }
}

function del(request: Request): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const { netlink } = container;
    const link = findLink(netlink, LOOPBACK);
    if (link === undefined || !isAliasOf(link.alias, attachmentOf(request))) return;
    netlink.execute(setLink({ index: link.index }, { up: false, alias: "" }));
  } finally {
    container.close();
  }
}

function check(request: Request): void {
  const container = openContainer(request);
  try {
    if (findLoopback(container.netlink, request.netns).isUp) return;
    const advice = "something inside the container took it down; ip link set lo up repairs it";
    throw new CniError(ErrorCode.internal, `lo in ${request.netns} is down`, advice);
  } finally {
    container.close();
  }
}

const plugin: Plugin = {
  about: "brings up the loopback interface of a container",
  isIpam: false,
  leavesNothing: true,
  add,
  del,
  check,
  // An attachment has nothing on the host, and nothing can be exhausted.
  status: () => undefined,
  gc: () => undefined,
};

export default plugin;
