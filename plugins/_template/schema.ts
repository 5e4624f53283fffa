/** The keys, described: for the reader's types, the JSON Schema, `podwire validate` and the table in the README. */
import { addressCapabilities, dnsKey, mtuKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const keys = {
  ipam: {
    type: "ipam",
    defaultText: "required",
    description: "the IPAM plugin and its keys",
  },
  mtu: { ...mtuKey, description: "0: 1500" },
  hostUp: { type: "boolean", default: true, description: "the host's end is up" },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = { properties: keys, required: ["ipam"], capabilities: addressCapabilities };

export default schema;
