/** The device for a container. Refuses one whose loss would break something else. */
import type { DeviceRecord } from "../../shared/attachment/device-record.ts";
import {
  type DeviceSelector,
  hasHardware,
  selectorText,
  uppersOf,
} from "../../shared/attachment/device-selector.ts";
import { findFreeDevice } from "../../shared/attachment/free-device.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLinkByIndex, type Link, listLinks } from "../../shared/netlink/link.ts";

function heldBy({ owner, device }: DeviceRecord, code: number): CniError {
  const { containerId, network, ifname } = owner;
  const message = `the device ${device.name} is in use: the container ${containerId} has it as ${ifname} (network ${network})`;
  return new CniError(code, message, "a device is in one container at a time: remove that one first");
}

/** A device that a container had once, and nothing of podwire's says so: the alias is its former name. */
function formerly(host: NetlinkConnection, { key, value }: DeviceSelector): Link | undefined {
  return key === "device" ? listLinks(host).find(({ alias }) => alias === value) : undefined;
}

export function missing(host: NetlinkConnection, selector: DeviceSelector, code: number): CniError {
  const text = selectorText(selector);
  const former = formerly(host, selector);
  if (former !== undefined) {
    const advice = `it may have come back from a container under that name: ip link set ${former.name} down name ${selector.value}`;
    return new CniError(
      code,
      `there is no device (${text}) on this node, but ${former.name} has that alias`,
      advice,
    );
  }
  if (hasHardware(selector) === true) {
    const advice = "it may be in a container that another plugin has attached, or its driver makes none";
    return new CniError(code, `the device (${text}) has no interface on this node`, advice);
  }
  const advice =
    "ip -d link shows those of the node; it may be in a container that another plugin has attached";
  return new CniError(code, `there is no device (${text}) on this node`, advice);
}

/** Throws if the device is in use on the node. */
function checkUnused(host: NetlinkConnection, link: Link): void {
  const { name, master } = link;
  if (link.isLoopback) {
    const message = `the device ${name} is the node's loopback interface`;
    throw new CniError(ErrorCode.invalidConfiguration, message, "name another device");
  }
  if (master !== 0) {
    const of = findLinkByIndex(host, master)?.name ?? `interface number ${master}`;
    const advice = `take it out first: ip link set ${name} nomaster; or attach containers to ${of}`;
    throw new CniError(ErrorCode.internal, `the device ${name} is a port of ${of}`, advice);
  }
  const uppers = uppersOf(link);
  if (uppers.length === 0) return;
  const message = `the device ${name} is below other interfaces of the node: ${uppers.join(", ")}`;
  throw new CniError(ErrorCode.internal, message, "they would lose it: delete them, or name another device");
}

/** The device. Throws codes 7 and 999. */
export function findDevice(host: NetlinkConnection, selector: DeviceSelector): Link {
  const { link, holder } = findFreeDevice(host, selector);
  if (link === undefined)
    throw holder === undefined
      ? missing(host, selector, ErrorCode.internal)
      : heldBy(holder, ErrorCode.internal);
  checkUnused(host, link);
  return link;
}
