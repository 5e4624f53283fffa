/** The keys of bridge, described: shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masqueradeKeys, mtuKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

const flag = (description: string) => ({ type: "boolean", default: false, description }) as const;
const vlanId = { type: "integer", minimum: 1, maximum: 4094 } as const;

export const bridgeKeys = {
  bridge: {
    type: "string",
    default: "cni0",
    description: "the bridge; if it does not exist, it is created, with a fixed MAC address",
  },
  isGateway: flag("the bridge gets the gateway addresses of the network, and the node forwards"),
  isDefaultGateway: flag("as `isGateway`, and the container's default routes lead there"),
  forceAddress: flag(
    "an address on the bridge that is in the way of a gateway address is replaced; otherwise it is an error",
  ),
  ...masqueradeKeys,
  mtu: {
    ...mtuKey,
    description:
      "0: that of the interface with the node's default route, else of the bridge, else 1500; at least 1280 with IPv6 addresses",
  },
  hairpinMode: flag(
    "frames may go back out of the port they came from: a container reaches itself through a service address",
  ),
  promiscMode: flag("the bridge is promiscuous; not together with `hairpinMode`"),
  vlan: {
    type: "integer",
    minimum: 0,
    maximum: 4094,
    default: 0,
    description:
      "the port is an access port of this VLAN, 1 to 4094; with `isGateway` the gateway is on the interface `BRIDGE.VLAN`",
  },
  vlanTrunk: {
    type: "array",
    items: { type: "object", properties: { minID: vlanId, maxID: vlanId, id: vlanId } },
    description:
      'tagged VLANs of the port: `[{"minID": 100, "maxID": 110}, {"id": 200}]`; without `vlan` untagged frames are in VLAN 1',
  },
  preserveDefaultVlan: flag("with `vlan` or `vlanTrunk`: the port stays in VLAN 1 too"),
  macspoofchk: flag(
    "frames from the container with another source MAC address than its own are dropped (nftables)",
  ),
  enabledad: flag(
    "IPv6 duplicate address detection runs, and ADD waits for it; otherwise addresses are usable at once, as IPAM keeps them unique",
  ),
  portIsolation: flag(
    "the port talks to the bridge and to ports that are not isolated, but to no other isolated port",
  ),
  disableContainerInterface: flag("the container's end stays down; not together with `ipam`"),
  ipam: {
    type: "ipam",
    description: "the IPAM plugin and its keys, such as [host-local](../../ipam/host-local/README.md)",
  },
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: bridgeKeys,
  capabilities: {
    mac: { type: "string" },
    ...addressCapabilities,
  },
};

export default schema;
