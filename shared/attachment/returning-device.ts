/**
 * A physical device whose namespace has ended. The kernel returns it to the first namespace some time after the last user of the
 * namespace is gone (net/core/dev.c, default_device_exit_net).
 */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { type Link, listLinks } from "../netlink/link.ts";
import type { DeviceRecord } from "./device-record.ts";
import { findReturned } from "./restored-device.ts";

/** RTNLGRP_LINK. */
const LINK_EVENTS = 1;
const LIMIT_MILLISECONDS = 5000;

/** Waits until the device is on the host; undefined if it does not come in time: it may be unplugged. */
export function waitForReturn(host: NetlinkConnection, record: DeviceRecord): Link | undefined {
  const events = new NetlinkConnection(Protocol.route);
  try {
    events.subscribe(LINK_EVENTS);
    const deadline = Date.now() + LIMIT_MILLISECONDS;
    for (;;) {
      const returned = findReturned(listLinks(host), record);
      const left = deadline - Date.now();
      if (returned !== undefined || left <= 0) return returned;
      events.waitForEvents(left);
    }
  } finally {
    events.close();
  }
}
