/** The veth pair that joins a container to its node. */
import { ownerText } from "../cni/attachment.ts";
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { AttachmentKey, Owned } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink, findLinkByIndex, formatMac, type Link } from "../netlink/link.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { newVethPair } from "../netlink/veth.ts";
import { setSysctlIfPossible, trySysctl } from "../system/sysctl.ts";
import { createOnHost } from "./create-link.ts";
import type { HostChange } from "./host-change.ts";
import { hostMac } from "./mac.ts";

const KIND = "veth";

/** What an attachment by such a pair owns. */
export const ownedVeth = { link: { place: "pair", kind: KIND }, isFiltered: true } as const satisfies Owned;

/** RTNLGRP_LINK. */
const LINK_EVENTS = 1;
const READY_LIMIT_MILLISECONDS = 5_000;

export interface Veth {
  readonly host: Link;
  readonly container: Pick<Link, "name" | "index" | "mac" | "mtu">;
}

export interface NewVeth {
  readonly owner: AttachmentKey;
  readonly container: Container;
  /** Of the container's end. */
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** Index of the bridge the host's end becomes a port of: one that passes no frames until wakeLink. */
  readonly master?: number;
  /** Settings of the host's end, sent in the system call that makes the pair. */
  readonly settings: (name: string, alias: string) => NetlinkMessage;
}

/** Throws code 4 if the container has an interface CNI_IFNAME (specification, ADD: "MUST return an error"). */
export function validateNameIsFree({ netlink, namespace }: Container, ifname: string): void {
  const taken = findLink(netlink, ifname);
  if (taken === undefined) return;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `the interface ${quote(ifname)} already exists in ${namespace.path}`,
    "the container is attached already, or an earlier attachment was not deleted: run DEL for it first",
  );
}

/** Creates the pair. The container's end stays down. */
export function createVeth(change: HostChange, wanted: NewVeth): Veth {
  const { owner, container, mac, mtu, master } = wanted;
  const pair = (name: string) =>
    newVethPair({
      host: { name, mac: hostMac(owner) },
      container: { name: owner.ifname, mac },
      namespace: container.namespace.descriptor,
      mtu,
      ...(master === undefined ? {} : { master, isDormant: true }),
    });
  const messages = (name: string) => [pair(name), wanted.settings(name, ownerText(owner))];
  const host = createOnHost(change, { owner, kind: KIND, messages });
  quietIpv6(host.name, master !== undefined);
  return { host, container: { name: owner.ifname, index: host.peer, mac: formatMac(mac), mtu } };
}

/**
 * A container must not configure its host by router advertisements (CVE-2020-10749). A bridge port needs no IPv6: without it the kernel
 * does not search the node's routes for the port's whenever another port comes or goes.
 */
function quietIpv6(name: string, isPort: boolean): void {
  if (isPort) trySysctl(`ipv6/conf/${name}/disable_ipv6`, "1");
  else setSysctlIfPossible(`ipv6/conf/${name}/accept_ra`, "0");
}

/**
 * Returns when the link is in the wanted state. The kernel's work queue gets there within a millisecond, and sends an event. Throws what
 * `failure` returns after 5 s.
 */
export function waitForLink(
  netlink: NetlinkConnection,
  index: number,
  isReady: (link: Link) => boolean,
  failure: () => CniError,
): void {
  const ready = () => {
    const now = findLinkByIndex(netlink, index);
    return now !== undefined && isReady(now);
  };
  if (!ready()) step("wait for the link", () => awaitEvents(ready, failure));
}

function awaitEvents(ready: () => boolean, failure: () => CniError): void {
  const events = new NetlinkConnection(Protocol.route);
  try {
    events.subscribe(LINK_EVENTS);
    const deadline = Date.now() + READY_LIMIT_MILLISECONDS;
    while (!ready()) {
      const left = deadline - Date.now();
      if (left <= 0) throw failure();
      events.waitForEvents(left);
    }
  } finally {
    events.close();
  }
}
