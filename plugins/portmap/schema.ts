/** The keys of portmap, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

const conditions = {
  type: "array",
  items: { type: "string" },
  description:
    'matches that must hold beside the port, word by word, both in one backend\'s language: `["!", "-s", "192.0.2.0/24"]`',
} as const;

const port = { type: "integer", minimum: 1, maximum: 65535 } as const;

export const portmapKeys = {
  backend: {
    type: "string",
    enum: ["iptables", "nftables"],
    mayBeEmpty: true,
    defaultText: "nftables",
    description:
      "`nftables`, or `iptables`; without the key `iptables` where the kernel has no nf_tables, or where the conditions are written for it",
  },
  snat: {
    type: "boolean",
    default: true,
    description:
      "clients whose answers would not come back this way have the node's address: those in the container's own network, and 127.0.0.1",
  },
  masqAll: { type: "boolean", default: false, description: "all clients have the node's address" },
  markMasqBit: {
    type: "integer",
    minimum: 0,
    maximum: 31,
    default: 13,
    description: "the bit of the packet mark, 0 to 31, that says so",
  },
  externalSetMarkChain: {
    type: "string",
    description:
      "a chain of the nat table that sets a mark, by which another program masquerades; not together with `markMasqBit` (iptables)",
  },
  conditionsV4: conditions,
  conditionsV6: conditions,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: portmapKeys,
  capabilities: {
    portMappings: {
      type: "array",
      description:
        "the ports: `hostPort` and `containerPort` from 1 to 65535, `protocol` `tcp` (default), `udp` or `sctp` in any case, and `hostIP`",
      items: {
        type: "object",
        required: ["hostPort", "containerPort"],
        properties: {
          hostPort: port,
          containerPort: port,
          protocol: { type: "string" },
          hostIP: { type: "string" },
        },
      },
    },
  },
};

export default schema;
