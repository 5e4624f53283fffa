/** Devices that a program drives itself (DPDK): the kernel has no interface of them that could be moved. */
import { type DeviceSelector, hasHardware, pciDriver } from "../../shared/attachment/device-selector.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { HostDeviceConfig } from "./config.ts";

/** Drivers that hand a device to a program (DPDK's guide for Linux, "Linux Drivers"). */
const drivers: readonly string[] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

function missing({ value }: DeviceSelector): CniError {
  const advice = "lspci -D shows those of the node; a virtual function is there once its device makes some";
  return new CniError(ErrorCode.internal, `this node has no PCI device ${value}`, advice);
}

/** Whether a program drives the device. Throws code 999 for a PCI device that is not there, or has no driver. */
export function isDrivenByProgram({ selector, isDpdk }: HostDeviceConfig): boolean {
  if (selector.key !== "pciBusID") return isDpdk;
  if (hasHardware(selector) === false) throw missing(selector);
  const driver = pciDriver(selector.value);
  if (driver !== undefined) return drivers.includes(driver);
  const advice = "bind one: the kernel's gives an interface, vfio-pci hands the device to a program";
  throw new CniError(ErrorCode.internal, `the PCI device ${selector.value} has no driver`, advice);
}
