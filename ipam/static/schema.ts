/** Describes the keys of static, in the section `ipam`. shared/cni/schema.ts says what for. */
import { dnsKey, routeProperties } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const addressKeys = {
  address: {
    type: "string",
    defaultText: "required",
    examples: ["10.10.0.5/24", "fd00:10::5/64"],
    description: "an address with its prefix length, such as `10.10.0.5/24`",
  },
  gateway: {
    type: "string",
    description: "goes into the result, and becomes the gateway of `routes` without `gw`",
  },
} as const satisfies Properties;

export const staticKeys = {
  type: { type: "string" },
  addresses: {
    type: "array",
    items: { type: "object", properties: addressKeys, required: ["address"] },
    description: "what every container of this configuration gets, unless it asks for other addresses",
  },
  routes: {
    type: "array",
    items: { type: "object", properties: routeProperties, required: ["dst"] },
    description: "for the result: `dst`, `gw`, `mtu`, `advmss`, `priority`, `table`, `scope`",
  },
  dns: { ...dnsKey, description: "for the result: `nameservers`, `domain`, `search`, `options`" },
} as const satisfies Properties;

const schema: PluginSchema = { properties: staticKeys };

export default schema;
