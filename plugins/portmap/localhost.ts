/** Ports on 127.0.0.1: what the kernel must be told for traffic from there to leave the node. */
import { drift } from "../../shared/attachment/check.ts";
import { CniError, causeOf, ErrorCode } from "../../shared/cni/error.ts";
import { someRecord } from "../../shared/filter/ask.ts";
import { loopback4 } from "../../shared/filter/port-entry.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type HostPort,
  type HostPorts,
} from "../../shared/filter/record.ts";
import type { Removed } from "../../shared/filter/removed.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { contains } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import {
  addIngressProgram,
  hasIngressProgram,
  type IngressProgram,
  removeIngressProgram,
} from "../../shared/netlink/ingress.ts";
import { findLink, findLinkByIndex, type Link } from "../../shared/netlink/link.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";
import { KernelError } from "../../shared/system/kernel-error.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { isSysctlWritable, readSysctl, setSysctl, setSysctlIfPresent } from "../../shared/system/sysctl.ts";

/** Whether the mapping is one that 127.0.0.1 leads to. The kernel routes ::1 nowhere. */
function isOnLocalhost({ family, hostIp }: HostPort): boolean {
  return family === 4 && (hostIp === undefined || contains(loopback4, hostIp));
}

/** The container's address that localhost's ports lead to; undefined if none of them does. */
export function localhostTarget({ snat, mappings, targets }: HostPorts): IpAddress | undefined {
  if (!snat || !mappings.some(isOnLocalhost)) return undefined;
  return targets.find(({ address }) => address.family === 4)?.address;
}

/**
 * Drops packets to 127.0.0.0/8 that come in by the interface, as the kernel itself does without route_localnet (CVE-2020-8558). Rules
 * of the packet filter do the same, but a flush of those would open the host's services on 127.0.0.1 to containers and to the network
 * behind them. With br_netfilter answers to the host have that destination already: they carry this mark, whatever "markMasqBit" is
 * (shared/filter/port-entry.ts).
 */
const guard: IngressProgram = {
  name: "podwire: 127.0.0.0/8 from this host only",
  etherType: 0x0800,
  // Any: programs of others that decide about a packet run before it.
  priority: 127,
  handle: 1,
  instructions: [
    // BPF_LD|BPF_W|BPF_ABS from SKF_NET_OFF: the destination.
    [0x20, 0, 0, -0x100000 + 16],
    // BPF_ALU|BPF_AND|BPF_K, then BPF_JMP|BPF_JEQ|BPF_K.
    [0x54, 0, 0, 0xff000000],
    [0x15, 0, 3, 0x7f000000],
    // SKF_AD_OFF + SKF_AD_MARK, then BPF_JMP|BPF_JSET|BPF_K.
    [0x20, 0, 0, -0x1000 + 20],
    [0x45, 1, 0, 2 ** DEFAULT_MARK_BIT],
    // BPF_RET|BPF_K: TC_ACT_SHOT, or TC_ACT_UNSPEC, with which the next program is asked.
    [0x06, 0, 0, 2],
    [0x06, 0, 0, -1],
  ],
};

/** Where another program had switched route_localnet on: it stays on, and so does this. */
const foreignGuard: IngressProgram = { ...guard, handle: 2 };

function withRoute<Value>(work: (host: NetlinkConnection) => Value): Value {
  const host = new NetlinkConnection(Protocol.route);
  try {
    return work(host);
  } finally {
    host.close();
  }
}

/** The host's interface that an address is reached by; undefined without a route to it. */
function interfaceTowards(host: NetlinkConnection, address: IpAddress): Link | undefined {
  const index = findOutputInterface(host, address);
  return index === undefined ? undefined : findLinkByIndex(host, index);
}

const keyOf = (link: string) => `ipv4/conf/${link}/route_localnet`;

/** Whether the kernel has it on for the interface itself: any number but 0. False without the interface. */
const isOn = (link: string): boolean => !["0", undefined].includes(readSysctl(keyOf(link)));

/** Whether the kernel routes 127.0.0.0/8 by the interface: "all" counts too (include/linux/inetdevice.h, IN_DEV_ROUTE_LOCALNET). */
const isRouted = (link: string): boolean => isOn(link) || isOn("all");

type Environment = Readonly<Record<string, string>>;

/** Whether a record says that podwire has switched it on: the filter, which says so too, may have been removed. */
const isClaimed = (link: string, environment: Environment): boolean =>
  someRecord("portmap", environment, ({ hostPorts }) => hostPorts?.localhost === link);

/** The interface for localhost's ports. */
export interface Localhost {
  readonly link: Link;
  /** Whether podwire switches route_localnet on; if not, another program did. */
  readonly isOurs: boolean;
}

/** Finds the interface towards a container; changes nothing. Throws CniError without one. */
export function findLocalhost(target: IpAddress, environment: Environment): Localhost {
  return withRoute((host) => {
    const link = interfaceTowards(host, target);
    if (link === undefined) {
      const message = `there is no route on the node to the container's address ${formatIp(target)}`;
      const advice = "a plugin before portmap in the chain must connect the container to the node";
      throw new CniError(ErrorCode.internal, message, advice);
    }
    const { name, index } = link;
    // A DEL beside this call switches it off before it removes the filter, and an ADD writes its record before both: so it is read again
    // between them.
    const isForeign = isOn(name) && !hasIngressProgram(host, index, guard) && isOn(name);
    // An earlier ADD has asked the records already if it left its filter.
    const isKnown = isForeign && hasIngressProgram(host, index, foreignGuard);
    return { link, isOurs: !isForeign || (!isKnown && isClaimed(name, environment)) };
  });
}

const isExplicit = ({ hostIp }: HostPort): boolean => hostIp !== undefined && contains(loopback4, hostIp);

/**
 * Lets packets with a source in 127.0.0.0/8 be routed by the interface. The record must be written before: by it DEL knows what to
 * switch off. Where the kernel cannot guard the interface nothing is opened, and with a read-only /proc/sys the guard is alone. Both are
 * errors for ports of 127.0.0.1 alone. Throws CniError.
 */
export function openLocalhost({ link, isOurs }: Localhost, mappings: readonly HostPort[]): void {
  const { name, index } = link;
  try {
    withRoute((host) => addIngressProgram(host, index, isOurs ? guard : foreignGuard));
  } catch (thrown) {
    if (!mappings.some(isExplicit)) return;
    const message = `127.0.0.1 cannot lead to containers by ${name}: nothing could guard this host's own services there`;
    const advice = `load the modules sch_ingress and cls_bpf, or give another "hostIP" (${causeOf(thrown)})`;
    throw new CniError(ErrorCode.notAvailable, message, advice, thrown);
  }
  if (isOn(name)) return;
  try {
    setSysctl(keyOf(name), "1");
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    if (isRouted(name) || !mappings.some(isExplicit)) return;
    const advice = `run: sysctl -w net.ipv4.conf.${name}.route_localnet=1, or give another "hostIP" (${causeOf(thrown)})`;
    throw new CniError(ErrorCode.io, `could not make 127.0.0.1 reach containers by ${name}`, advice, thrown);
  }
}

/** Guards an interface that podwire has opened, if the filter was removed. Where the kernel refuses that, CHECK says so. */
function restoreGuard(host: NetlinkConnection, { name, index }: Link): void {
  if (!isOn(name)) return;
  try {
    addIngressProgram(host, index, guard);
  } catch (thrown) {
    if (!(thrown instanceof KernelError)) throw thrown;
  }
}

/** For GC: guards the interfaces of all records again. */
export function guardAll(environment: Environment): void {
  const names = new Set<string>();
  const restore = ({ hostPorts }: FilterRecord): boolean => {
    const name = hostPorts?.localhost;
    if (name === undefined || names.has(name)) return false;
    names.add(name);
    withRoute((host) => {
      const link = findLink(host, name);
      if (link !== undefined) restoreGuard(host, link);
    });
    return false;
  };
  someRecord("portmap", environment, restore);
}

/**
 * Switches route_localnet off with the last record that needs it. Where it cannot be written, the guard stays. A veth device leads to
 * one container alone, so no other record is asked. Otherwise the guard is restored for the others: those that are older than the record
 * do not know that podwire has switched it on.
 */
export const closeLocalhost: Removed = ({ hostPorts }, some) => {
  const target = hostPorts && localhostTarget(hostPorts);
  if (hostPorts === undefined || target === undefined) return;
  withRoute((host) => {
    const name = hostPorts.localhost;
    // A record that was recovered from the rules does not know the interface: the guard on it shows it.
    const link = name === undefined ? interfaceTowards(host, target) : findLink(host, name);
    if (link === undefined || (name === undefined && !hasIngressProgram(host, link.index, guard))) return;
    const needsIt = (other: HostPorts) =>
      (other.localhost ?? link.name) === link.name && localhostTarget(other) !== undefined;
    if (link.kind !== "veth" && some(({ hostPorts: other }) => other !== undefined && needsIt(other))) {
      restoreGuard(host, link);
      return;
    }
    try {
      setSysctlIfPresent(keyOf(link.name), "0");
      for (const each of [guard, foreignGuard]) removeIngressProgram(host, link.index, each);
    } catch (thrown) {
      if (!(thrown instanceof SystemError)) throw thrown;
    }
  });
};

/**
 * Throws if what ADD did for localhost has been undone. `isGuarded`: false for the reference's ports, which have no tc filter. With a
 * read-only /proc/sys ADD may have opened nothing.
 */
export function checkLocalhost(target: IpAddress, mappings: readonly HostPort[], isGuarded: boolean): void {
  withRoute((host) => {
    const link = interfaceTowards(host, target);
    if (link === undefined || !isRouted(link.name)) {
      if (link !== undefined && !isSysctlWritable(keyOf(link.name)) && !mappings.some(isExplicit)) return;
      const advice = `sysctl -w net.ipv4.conf.${link?.name ?? "INTERFACE"}.route_localnet=1 repairs it, if the kernel has sch_ingress and cls_bpf`;
      throw drift(`route_localnet is off towards ${formatIp(target)}: 127.0.0.1 does not lead there`, advice);
    }
    if (!isGuarded || [guard, foreignGuard].some((each) => hasIngressProgram(host, link.index, each))) return;
    const message = `the interface ${link.name} lets packets to this node's 127.0.0.0/8 in: its tc filter "${guard.name}" is missing`;
    throw drift(message, "the next ADD of a container with ports makes it again");
  });
}
