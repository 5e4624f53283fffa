/** The keys of ptp, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masqueradeKeys, mtuKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const ptpKeys = {
  ipam: {
    type: "ipam",
    defaultText: "required",
    description: "the IPAM plugin and its keys, such as [host-local](../../ipam/host-local/README.md)",
  },
  ...masqueradeKeys,
  mtu: {
    ...mtuKey,
    description:
      "0: that of the interface with the node's default route, else 1500; at least 1280 with IPv6 addresses",
  },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: ptpKeys,
  required: ["ipam"],
  capabilities: {
    ...addressCapabilities,
  },
};

export default schema;
