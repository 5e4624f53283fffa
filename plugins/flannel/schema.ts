/** The keys of flannel, described: shared/cni/schema.ts says what for. */
import { addressCapabilities } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const flannelKeys = {
  delegate: {
    type: "object",
    properties: {},
    defaultText: "a bridge",
    description:
      "the keys of the plugin that makes the interface, and its `type`. Not `name` and `ipam`, which flannel makes",
  },
  ipam: {
    type: "ipam",
    defaultText: "`host-local`",
    description:
      "further keys for the IPAM plugin, such as `dataDir` and `routes`. flannel adds `ranges`, and routes to its networks",
  },
  subnetFile: {
    type: "string",
    default: "/run/flannel/subnet.env",
    description: "the file in which flanneld says the node's subnets",
  },
  dataDir: {
    type: "string",
    default: "/var/lib/cni/flannel",
    description: "where the delegate's configuration of each attachment is kept for DEL",
  },
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: flannelKeys,
  // Those of the delegates of ours; all that the runtime gives is passed on.
  capabilities: { mac: { type: "string" }, ...addressCapabilities },
};

export default schema;
