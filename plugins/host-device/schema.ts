/** The keys of host-device, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, optionalIpamKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const hostDeviceKeys = {
  device: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "the device's name on the node",
    examples: ["eth1"],
  },
  hwaddr: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "its MAC address there",
    examples: ["52:54:00:12:34:56"],
  },
  kernelpath: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "its folder below `/sys/devices/`",
    examples: ["/sys/devices/pci0000:00/0000:00:1f.6"],
  },
  pciBusID: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "its PCI address",
    examples: ["0000:00:1f.6"],
  },
  DPDKMode: {
    type: "boolean",
    default: false,
    description:
      "no interface is moved: a program drives the hardware. With a PCI device its driver decides, and not this key",
  },
  ipam: optionalIpamKey,
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: hostDeviceKeys,
  capabilities: { ...addressCapabilities, deviceID: { type: "string" } },
};

export default schema;
