/** A device of the host for one more container: the one that was chosen, unless another container has it. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { Link } from "../netlink/link.ts";
import { type DeviceRecord, listDeviceRecords } from "./device-record.ts";
import { type DeviceSelector, selectDevice, selectorText } from "./device-selector.ts";
import { fetchReturned } from "./moved-device.ts";
import { isMarked } from "./restored-device.ts";

export interface FoundDevice {
  /** Undefined: it is not on the host. */
  readonly link: Link | undefined;
  /** The container that has it, if it is one of ours. */
  readonly holder: DeviceRecord | undefined;
}

/** Whether a record is of the chosen device. */
function isChosen({ device, selector }: DeviceRecord, wanted: DeviceSelector): boolean {
  if (wanted.key === "device") return device.name === wanted.value;
  if (wanted.key === "hwaddr") return device.mac === wanted.value;
  return selector === selectorText(wanted);
}

/** The container that has the chosen device. Changes nothing. */
export const holderOf = (host: NetlinkConnection, wanted: DeviceSelector): DeviceRecord | undefined =>
  listDeviceRecords(host).find((record) => isChosen(record, wanted));

/**
 * Looks for the device. One that came back from a container without DEL is made what it was before, so that it is found by its former name
 * and handed on with it.
 */
export function findFreeDevice(host: NetlinkConnection, wanted: DeviceSelector): FoundDevice {
  const link = selectDevice(host, wanted);
  if (link !== undefined && link.alias === "") return { link, holder: undefined };
  const records = listDeviceRecords(host).filter((record) =>
    link === undefined ? isChosen(record, wanted) : isMarked(link, record),
  );
  const held = records.filter((record) => !fetchReturned(host, record));
  if (link === undefined && records.length === held.length) return { link, holder: held[0] };
  // Also where no record is left: a DEL that was giving the device back when it was looked for has ended since.
  return { link: selectDevice(host, wanted), holder: held[0] };
}
