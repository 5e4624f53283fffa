/** STATUS: whether the device exists, here or in a container, and IPAM has addresses. */
import { hasHardware, selectDevice } from "../../shared/attachment/device-selector.ts";
import { holderOf } from "../../shared/attachment/free-device.ts";
import { checkEntering } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import { ErrorCode } from "../../shared/cni/error.ts";
import { Fields, isObject } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { checkLockFolder } from "../../shared/system/lock-status.ts";
import { readHostDeviceConfig, readSelector } from "./config.ts";
import { missing } from "./find.ts";

/** The runtime assigns a device with each ADD. */
function isAssignedLater({ configuration }: Request): boolean {
  const { capabilities } = configuration.raw;
  return isObject(capabilities) && new Fields(capabilities).value("deviceID") === true;
}

/** Throws code 50 if the device does not exist. One that a container has would fail the next ADD only. */
function checkExists(request: Request): void {
  const { selector } = readHostDeviceConfig(request);
  if (hasHardware(selector) === true) return;
  const host = new NetlinkConnection(Protocol.route);
  try {
    const isKnown = selectDevice(host, selector) ?? holderOf(host, selector);
    if (isKnown === undefined) throw missing(host, selector, ErrorCode.notAvailable);
  } finally {
    host.close();
  }
}

export function status(request: Request): void {
  if (readSelector(request) !== undefined || !isAssignedLater(request)) checkExists(request);
  checkEntering();
  checkLockFolder();
  const { ipamType } = request.configuration;
  if (ipamType !== "") delegateStatus(request, ipamType);
}
