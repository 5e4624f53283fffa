/** The keys of dummy, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, mtuKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const dummyKeys = {
  ipam: {
    type: "ipam",
    defaultText: "required",
    description: "the IPAM plugin and its keys, such as [host-local](../../ipam/host-local/README.md)",
  },
  mtu: { ...mtuKey, description: "0: 1500" },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: dummyKeys,
  required: ["ipam"],
  capabilities: addressCapabilities,
};

export default schema;
