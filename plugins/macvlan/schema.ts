/** The keys of macvlan, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masterKeys, optionalIpamKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const macvlanKeys = {
  ...masterKeys,
  mode: {
    type: "string",
    enum: ["bridge", "private", "vepa", "passthru"],
    mayBeEmpty: true,
    default: "bridge",
    description:
      "containers on one master reach each other (`bridge`), do not (`private`), do through the switch (`vepa`), or one container has the master for itself (`passthru`)",
  },
  mac: {
    type: "string",
    description: "the interface's MAC address, unless the container asks for another one",
  },
  bcqueuelen: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 0,
    description: "how many broadcast and multicast packets may wait on the master; 0: the kernel's 1000",
  },
  ipam: optionalIpamKey,
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: macvlanKeys,
  capabilities: { ...addressCapabilities, mac: { type: "string" } },
};

export default schema;
