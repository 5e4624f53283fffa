/** CHECK: compares overlay and attachment with what ADD made. Reports all differences. */
import { drift } from "../../shared/attachment/check.ts";
import { CniError, causeOf, enumerate, explain, runAll } from "../../shared/cni/error.ts";
import { builtinPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { isOwnDevice } from "./device-alias.ts";
import { differencesOf, wantedDevice } from "./device-plan.ts";
import { guardProblems } from "./guard.ts";
import { podDelegation } from "./pod.ts";
import { entryProblems, guardOf, readPeers } from "./reconcile.ts";
import { findUnderlay, type Underlay } from "./underlay.ts";

const NEXT_ADD = "the next ADD in this network on this node repairs it";
const NEXT_FIRST_ADD = "delete this network's pods on this node: then the next ADD recreates the device";

function report(problems: readonly string[], advice: string): void {
  if (problems.length > 0) throw drift(enumerate(problems, "; "), advice);
}

function checkDevice(netlink: NetlinkConnection, config: VxlanConfig, underlay: Underlay): void {
  const { device, network, l2 } = config;
  const link = findLink(netlink, device);
  if (link === undefined) throw drift(`the VXLAN device ${device} is missing`, NEXT_ADD);
  if (!isOwnDevice(link, network)) {
    throw drift(
      `the interface ${device} is not this network's VXLAN device`,
      "remove it; the next ADD makes the device",
    );
  }
  const bridge = l2 === undefined ? undefined : findLink(netlink, config.bridge);
  const wrong = differencesOf(link, wantedDevice(config, underlay), l2, bridge?.index ?? 0);
  const words = wrong.map(
    ({ what, held, wanted }) => `the ${what} of ${device} is ${held}, expected ${wanted}`,
  );
  const remedy = wrong.every(({ isLive }) => isLive) ? NEXT_ADD : NEXT_FIRST_ADD;
  report(words, `the underlay is ${underlay.choice}; ${remedy}`);
}

function checkOverlay(netlink: NetlinkConnection, config: VxlanConfig): void {
  const underlay = findUnderlay(netlink, config);
  const peers = readPeers(config, underlay);
  const vteps = peers.map(({ vtep }) => vtep);
  runAll([
    () => checkDevice(netlink, config, underlay),
    () => {
      const link = findLink(netlink, config.device);
      if (link !== undefined && isOwnDevice(link, config.network))
        report(entryProblems(netlink, config, peers, link), NEXT_ADD);
    },
    () => {
      if (config.guard !== undefined) report(guardProblems(guardOf(config, underlay), vteps), NEXT_ADD);
    },
  ]);
}

/** A missing underlay is drift in CHECK; in ADD the same error is one of the call. */
function asDrift(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    const known = explain(thrown);
    throw drift(causeOf(known), known instanceof CniError ? known.details : "");
  }
}

/** Throws if anything differs. */
export function check(request: Request): void {
  const config = readVxlanConfig(request);
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    const { type, request: made } = podDelegation(request, config);
    // The pod first: an invalid namespace has a code of its own, which drift would hide.
    runAll([
      () => builtinPlugin(request, type).check(made),
      () => asDrift(() => checkOverlay(netlink, config)),
    ]);
  } finally {
    netlink.close();
  }
}
