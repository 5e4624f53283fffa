/** The keys of tap, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, mtuKey, optionalIpamKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

/** The last number is "none" to the kernel. */
const idKey = { type: "integer", minimum: 0, maximum: 4294967294, defaultText: "none" } as const;

export const tapKeys = {
  multiQueue: {
    type: "boolean",
    default: false,
    description: "a program may open several queues, such as one for each processor of a virtual machine",
  },
  mtu: { ...mtuKey, maximum: 65521, description: "0: 1500" },
  mac: {
    type: "string",
    defaultText: "derived from the address",
    description: "the MAC address of the container's side, unless the container asks for another one",
  },
  owner: { ...idKey, description: "the number of the user that may attach; none: any, with CAP_NET_ADMIN" },
  group: { ...idKey, description: "the number of the group that may attach" },
  selinuxContext: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "the SELinux context of the device; needs `ip` on the node",
    examples: ["system_u:system_r:container_t:s0"],
  },
  bridge: {
    type: "string",
    mayBeEmpty: true,
    defaultText: "none",
    description: "a bridge in the container of which the device becomes a port",
  },
  ipam: optionalIpamKey,
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: tapKeys,
  capabilities: { ...addressCapabilities, mac: { type: "string" } },
};

export default schema;
