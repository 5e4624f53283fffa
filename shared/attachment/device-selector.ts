/** How a configuration chooses a device of the node, and what it finds in sysfs (Documentation/ABI/testing/sysfs-class-net). */
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLink, type Link, listLinks } from "../netlink/link.ts";
import { listDirectory } from "../system/directory.ts";
import { readLink } from "../system/file.ts";
import { fileExists } from "../system/file-status.ts";
import { baseName } from "../system/path.ts";

/** The key of the configuration; `auxiliary` is a device of the auxiliary bus, such as a sub-function, which only the runtime names. */
export interface DeviceSelector {
  readonly key: "device" | "hwaddr" | "kernelpath" | "pciBusID" | "auxiliary";
  readonly value: string;
}

const PCI = "/sys/bus/pci/devices";
const AUXILIARY = "/sys/bus/auxiliary/devices";

/** A name in one of these folders: no path leads out of it. */
export const isBusName = (text: string): boolean => /^[0-9A-Za-z][0-9A-Za-z:._-]*$/.test(text);

/** On which bus a device of that name is; undefined if it is on neither. */
export function busOf(name: string): "pciBusID" | "auxiliary" | undefined {
  if (!isBusName(name)) return undefined;
  if (fileExists(`${PCI}/${name}`)) return "pciBusID";
  return fileExists(`${AUXILIARY}/${name}`) ? "auxiliary" : undefined;
}

export const selectorText = ({ key, value }: DeviceSelector): string => `${key} ${value}`;

/** The folder of a device in sysfs; undefined for a selector that is no path. */
function folderOf({ key, value }: DeviceSelector): string | undefined {
  if (key === "kernelpath") return value;
  if (key === "pciBusID") return `${PCI}/${value}`;
  return key === "auxiliary" ? `${AUXILIARY}/${value}` : undefined;
}

/** Whether the hardware is there, also while a container has its interface. Undefined: only the interface would show it. */
export function hasHardware(selector: DeviceSelector): boolean | undefined {
  const folder = folderOf(selector);
  return folder === undefined ? undefined : fileExists(folder);
}

/** A virtio device has its interface one folder deeper. */
function interfacesIn(folder: string): string[] {
  const direct = listDirectory(`${folder}/net`);
  if (direct.length > 0) return direct.sort();
  const virtio = listDirectory(folder).filter((name) => name.startsWith("virtio"));
  return virtio.flatMap((name) => listDirectory(`${folder}/${name}/net`)).sort();
}

/** The device; undefined if it is not in the namespace of the connection. As in the reference plugin, the first of several. */
export function selectDevice(host: NetlinkConnection, selector: DeviceSelector): Link | undefined {
  const { key, value } = selector;
  if (key === "device") return findLink(host, value);
  if (key === "hwaddr") return listLinks(host).find(({ mac }) => mac === value);
  for (const name of interfacesIn(folderOf(selector) ?? "")) {
    const link = findLink(host, name);
    if (link !== undefined) return link;
  }
  return undefined;
}

/** The driver of a PCI device; undefined without one. */
export function pciDriver(id: string): string | undefined {
  const target = readLink(`${PCI}/${id}/driver`);
  return target === undefined ? undefined : baseName(target);
}

/** What lies on top of a device in its namespace, such as a VLAN interface. */
export const uppersOf = ({ name }: Link): string[] =>
  listDirectory(`/sys/class/net/${name}`)
    .filter((entry) => entry.startsWith("upper_"))
    .map((entry) => entry.slice("upper_".length));
