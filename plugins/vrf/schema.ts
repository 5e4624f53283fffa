/** The keys of vrf, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const vrfKeys = {
  vrfname: {
    type: "string",
    description: "the VRF device in the container; the first interface makes it, further ones join it",
    examples: ["blue"],
  },
  table: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    defaultText: "that of the device, or a free one from 1 on",
    description: "the routing table of the device",
  },
} as const satisfies Properties;

const schema: PluginSchema = { properties: vrfKeys, required: ["vrfname"] };

export default schema;
