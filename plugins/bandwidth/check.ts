/** CHECK: qdiscs, filters and the ifb device are as ADD made them. */
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import { openContainer } from "../../shared/cni/container.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { attachmentOf } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { type Filter, isSameFilter, listFilters } from "../../shared/netlink/classifier.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { findLimitedClass, findQdiscs, type Qdisc } from "../../shared/netlink/qdisc.ts";
import { TrafficParent } from "../../shared/netlink/traffic-control.ts";
import { isBucketOf } from "./bucket.ts";
import { type Bandwidth, isLimited, type Limit, readBandwidth, type Subnets } from "./config.ts";
import { requireHostEnd } from "./host-end.ts";
import { findIfb, ifbNames } from "./ifb.ts";
import { receivingFilters, sendingFilters } from "./shaping.ts";

function checkFilters(host: NetlinkConnection, { name }: Link, wanted: readonly Filter[]): void {
  const [first] = wanted;
  if (first === undefined) return;
  const found = listFilters(host, first.index, first.parent);
  if (wanted.every((each) => found.some((filter) => isSameFilter(filter, each)))) return;
  const what =
    first.parent === TrafficParent.ingress ? "what the container sends" : "which packets are limited";
  throw drift(`a filter of ${name} is missing, which chooses ${what}`, RECREATE);
}

function checkBucket({ name }: Link, found: Qdisc | undefined, kind: string, limit: Limit): void {
  if (found === undefined || found.kind !== kind)
    throw drift(
      `the interface ${name} has ${found === undefined ? "no qdisc" : `the qdisc ${found.kind}`}, expected ${kind}`,
      RECREATE,
    );
  if (isBucketOf(found.bucket, limit)) return;
  const message = `the qdisc ${kind} of ${name} does not limit to ${8 * limit.rate} bits a second with a burst of ${8 * limit.burst}`;
  throw drift(message, RECREATE);
}

function checkSending(host: NetlinkConnection, link: Link, limit: Limit, subnets?: Subnets): void {
  const { index } = link;
  const { root } = findQdiscs(host, index);
  if (subnets === undefined) {
    checkBucket(link, root, "tbf", limit);
    return;
  }
  checkBucket(link, root?.kind === "htb" ? findLimitedClass(host, index) : root, "htb", limit);
  checkFilters(host, link, sendingFilters(index, subnets));
}

function checkIfb(host: NetlinkConnection, request: Request, end: Link, limit: Limit, subnets?: Subnets) {
  const ifb = findIfb(host, request);
  if (ifb === undefined)
    throw drift(`the ifb device ${ifbNames(attachmentOf(request))[0]} is missing`, RECREATE);
  if (!ifb.isUp)
    throw drift(
      `the ifb device ${ifb.name} is down: what the container sends is lost`,
      `ip link set ${ifb.name} up repairs it`,
    );
  runAll([
    () => checkSending(host, ifb, limit),
    () => checkFilters(host, end, receivingFilters(end.index, ifb.index, subnets)),
  ]);
}

function checkAll(request: Request, { ingress, egress, subnets }: Bandwidth, host: NetlinkConnection): void {
  const container = openContainer(request);
  try {
    const end = requireHostEnd(request, container, host, requirePrevResult(request));
    runAll([
      () => ingress && checkSending(host, end, ingress, subnets),
      () => egress && checkIfb(host, request, end, egress, subnets),
    ]);
  } finally {
    container.close();
  }
}

export function check(request: Request): void {
  const wanted = readBandwidth(request);
  requirePrevResult(request);
  if (!isLimited(wanted)) return;
  const host = new NetlinkConnection(Protocol.route);
  try {
    checkAll(request, wanted, host);
  } finally {
    host.close();
  }
}
