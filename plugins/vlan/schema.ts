/** The keys of vlan, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masterKeys } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const vlanKeys = {
  ...masterKeys,
  master: { ...masterKeys.master, defaultText: "required" },
  vlanId: {
    type: "integer",
    minimum: 0,
    maximum: 4094,
    default: 0,
    description: "the VLAN ID; 0: frames with a priority and no VLAN",
  },
  ipam: {
    type: "ipam",
    defaultText: "required",
    description: "the IPAM plugin and its keys, such as [host-local](../../ipam/host-local/README.md)",
  },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: vlanKeys,
  required: ["master", "ipam"],
  capabilities: addressCapabilities,
};

export default schema;
