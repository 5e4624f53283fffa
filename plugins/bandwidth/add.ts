/** ADD: limits what the container receives and sends. The result is the previous one with the ifb device. */
import { openContainer } from "../../shared/cni/container.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { findQdiscs } from "../../shared/netlink/qdisc.ts";
import { Rollback } from "../../shared/rollback.ts";
import { type Bandwidth, isLimited, readBandwidth } from "./config.ts";
import { requireHostEnd } from "./host-end.ts";
import { makeIfb } from "./ifb.ts";
import { checkIsFree, limitSending, redirectReceived, removeLimits } from "./shaping.ts";

/** The host's end of the pair, without limits. What limits it already is left of an ADD that was killed. */
function prepareEnd(request: Request, host: NetlinkConnection, result: Result) {
  const container = openContainer(request);
  try {
    const end = requireHostEnd(request, container, host, result);
    const found = findQdiscs(host, end.index);
    checkIsFree(end, found);
    if (found.root === undefined && found.ingress === undefined) return { end, qdiscs: found };
    removeLimits(host, end.index);
    return { end, qdiscs: findQdiscs(host, end.index) };
  } finally {
    container.close();
  }
}

/** Returns the ifb device, if one is needed. */
function shape(
  request: Request,
  host: NetlinkConnection,
  result: Result,
  { ingress, egress, subnets }: Bandwidth,
): Link | undefined {
  const { end, qdiscs } = prepareEnd(request, host, result);
  const undo = new Rollback();
  try {
    undo.onFailure(() => removeLimits(host, end.index));
    let ifb: Link | undefined;
    if (egress !== undefined) {
      ifb = makeIfb(host, undo, attachmentOf(request), end);
      limitSending(host, ifb, egress);
      redirectReceived(host, end, ifb, qdiscs, subnets);
    }
    if (ingress !== undefined) limitSending(host, end, ingress, subnets);
    undo.commit();
    return ifb;
  } finally {
    undo.run();
  }
}

export function add(request: Request): Result {
  const wanted = readBandwidth(request);
  const result = requirePrevResult(request);
  if (!isLimited(wanted)) return result;
  const host = new NetlinkConnection(Protocol.route);
  try {
    const ifb = step("shape", () => shape(request, host, result, wanted));
    if (ifb === undefined) return result;
    return { ...result, interfaces: [...result.interfaces, { name: ifb.name, mac: ifb.mac }] };
  } finally {
    host.close();
  }
}
