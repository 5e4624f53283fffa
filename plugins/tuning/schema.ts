/** The keys of tuning, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const tuningKeys = {
  sysctl: {
    type: "object",
    properties: {},
    others: { type: "string" },
    defaultText: "none",
    description:
      'sysctls of the container\'s namespace, under `net`: `{"net.core.somaxconn": "512"}`. The text `IFNAME` stands for the name of the interface',
  },
  mac: { type: "string", description: "the MAC address of the interface" },
  mtu: { type: "integer", minimum: 68, maximum: 65535, or: 0, default: 0, description: "0: as it is" },
  promisc: { type: "boolean", default: false, description: "the interface takes all frames" },
  allmulti: {
    type: "boolean",
    defaultText: "as it is",
    description: "the interface takes all multicast frames",
  },
  txQLen: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    defaultText: "as it is",
    description: "how many packets may wait for the interface",
  },
  dataDir: {
    type: "string",
    default: "/run/cni/tuning",
    description: "where the former values are kept for DEL",
  },
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: tuningKeys,
  capabilities: { mac: { type: "string" } },
};

export default schema;
