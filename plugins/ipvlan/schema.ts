/** The keys of ipvlan, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masterKeys } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const ipvlanKeys = {
  ...masterKeys,
  mode: {
    type: "string",
    enum: ["l2", "l3", "l3s"],
    mayBeEmpty: true,
    default: "l2",
    description:
      "the master's link is the container's, broadcasts too (`l2`); the node routes (`l3`); it also filters, by its packet filter (`l3s`)",
  },
  ipam: {
    type: "ipam",
    defaultText: "required",
    description:
      "the IPAM plugin and its keys; in a chain after a plugin that gave addresses, none is needed",
  },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = { properties: ipvlanKeys, capabilities: addressCapabilities };

export default schema;
