/** The limits on interfaces: qdiscs and filters made, and removed. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { deleteFilters, type Filter, hasFilters, newFilter } from "../../shared/netlink/classifier.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import type { Link } from "../../shared/netlink/link.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import {
  deleteQdisc,
  findQdiscs,
  LIMITED_CLASS,
  LIMITING_HANDLE,
  newIngress,
  newLimitedClass,
  newTokenBucket,
  type Qdisc,
  type Qdiscs,
} from "../../shared/netlink/qdisc.ts";
import { TrafficParent } from "../../shared/netlink/traffic-control.ts";
import { Errno } from "../../shared/system/errno.ts";
import { bucketOf } from "./bucket.ts";
import type { Limit, Subnets } from "./config.ts";

/**
 * The priorities of the filters: those of networks, and the one for all packets. portmap's guard of 127.0.0.0/8 has 127, and must be
 * asked first: a redirected packet is not filtered again.
 */
const priorities = { 4: 198, 6: 199, all: 200 } as const;

/** Filters for packets to or from the networks, for a class or another interface. */
const networkFilters = (
  place: Pick<Filter, "index" | "parent">,
  side: Filter["match"]["side"],
  { networks }: Subnets,
  target: Pick<Filter, "classId" | "redirect">,
): Filter[] =>
  networks.map((network) => ({
    ...place,
    priority: priorities[network.address.family],
    match: { network, side },
    ...target,
  }));

/** Chooses what is sent to the container: a network there is the source. 1:0 is what passes at once. */
export const sendingFilters = (index: number, subnets: Subnets): Filter[] =>
  networkFilters({ index, parent: LIMITING_HANDLE }, "source", subnets, {
    classId: subnets.areShaped ? LIMITED_CLASS : LIMITING_HANDLE,
  });

/** Leads what comes from the container to the ifb device. */
export function receivingFilters(index: number, ifb: number, subnets: Subnets | undefined): Filter[] {
  const place = { index, parent: TrafficParent.ingress };
  // The reference plugin's filter names this class, too; it has no effect.
  const redirected = { classId: LIMITED_CLASS, redirect: ifb };
  const all: Filter = { ...place, priority: priorities.all, match: { side: "destination" }, ...redirected };
  if (subnets === undefined) return [all];
  if (subnets.areShaped) return networkFilters(place, "destination", subnets, redirected);
  return [...networkFilters(place, "destination", subnets, { classId: LIMITED_CLASS }), all];
}

/** ENOENT: the kernel does not know a kind of qdisc, filter or action (net/sched). */
function execute(host: NetlinkConnection, modules: string, messages: readonly NetlinkMessage[]): void {
  try {
    host.executeAll(messages);
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError) || thrown.errno !== Errno.ENOENT) throw thrown;
    const advice = `modprobe ${modules} loads the modules; a kernel without them has to be replaced by one that has them`;
    throw new CniError(ErrorCode.notAvailable, thrown.message, advice, thrown);
  }
}

/** Limits what the interface sends. */
export function limitSending(
  host: NetlinkConnection,
  { index, mtu }: Link,
  limit: Limit,
  subnets?: Subnets,
): void {
  const bucket = bucketOf(limit, mtu);
  if (subnets === undefined) execute(host, "sch_tbf", [newTokenBucket(index, bucket)]);
  else
    execute(host, "-a sch_htb cls_u32", [
      ...newLimitedClass(index, bucket, !subnets.areShaped),
      ...sendingFilters(index, subnets).map(newFilter),
    ]);
}

/** Leads what the interface receives through the ifb device. `ingress`: the qdisc that it has for that already. */
export function redirectReceived(
  host: NetlinkConnection,
  end: Link,
  ifb: Link,
  { ingress }: Qdiscs,
  subnets?: Subnets,
): void {
  const filters = receivingFilters(end.index, ifb.index, subnets).map(newFilter);
  const qdisc = ingress === undefined ? [newIngress(end.index)] : [];
  execute(host, "-a sch_ingress cls_u32 act_mirred", [...qdisc, ...filters]);
}

/** Whether the root qdisc is one that ADD makes, podwire's or the reference plugin's. */
const isLimiting = ({ kind, handle }: Qdisc): boolean =>
  handle === LIMITING_HANDLE && (kind === "tbf" || kind === "htb");

/** Throws code 999 if another program limits what the interface sends. */
export function checkIsFree({ name }: Link, { root }: Qdiscs): void {
  if (root === undefined || isLimiting(root)) return;
  const message = `the interface ${name} has the qdisc ${root.kind} of another program`;
  const advice = `tc qdisc show dev ${name} shows it; tc qdisc delete dev ${name} root removes it`;
  throw new CniError(ErrorCode.internal, message, advice);
}

/** It is gone already, with its qdisc or its interface. */
const absences: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.ENODEV];

/** The qdisc for what is received goes if it has no filters left: others may use it. */
function removeRedirects(host: NetlinkConnection, index: number, { kind }: Qdisc): void {
  const all = Object.values(priorities).map((each) => deleteFilters(index, TrafficParent.ingress, each));
  for (const { error } of host.transact(all))
    if (error !== undefined && !absences.includes(error.errno)) throw error;
  if (kind !== "ingress" || hasFilters(host, index, TrafficParent.ingress)) return;
  host.attempt(deleteQdisc(index, TrafficParent.ingressQdisc), ...absences);
}

/** Removes what limits an interface, and leaves what others have made. Succeeds without anything. */
export function removeLimits(host: NetlinkConnection, index: number): void {
  const { root, ingress } = findQdiscs(host, index);
  if (ingress !== undefined) removeRedirects(host, index, ingress);
  if (root !== undefined && isLimiting(root))
    host.attempt(deleteQdisc(index, TrafficParent.root), ...absences);
}
