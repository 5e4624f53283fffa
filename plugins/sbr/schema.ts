/** The keys of sbr, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const sbrKeys = {
  table: {
    type: "integer",
    minimum: 1,
    maximum: 4294967295,
    defaultText: "a free one from 100 on, for each address",
    description: "a table that something else fills: sbr makes the rules only, and moves no route",
  },
  gateways: {
    type: "array",
    items: { type: "string", examples: ["10.1.0.1", "fd00:1::1"] },
    maxItems: 2,
    defaultText: "those of the result",
    description: "the gateways of the tables' default routes, one of each family",
  },
  addSourceHints: {
    type: "boolean",
    default: false,
    description:
      "the routes to the interface's own networks stay in the main table, with the address as their source",
  },
} as const satisfies Properties;

const schema: PluginSchema = { properties: sbrKeys };

export default schema;
