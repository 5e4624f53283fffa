/** Describes the keys of vxlan. shared/cni/schema.ts says what for. */
import { addressCapabilities, dnsKey, masqueradeKeys, mtuKey } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";
import { l2Keys, l3Keys } from "./schema/modes.ts";
import { discoveryKeys } from "./schema/peers.ts";

const flag = { type: "boolean" } as const;

/** Keys of the plugin that attaches the pod. */
const passedKeys = {
  ...masqueradeKeys,
  hairpinMode: flag,
  macspoofchk: flag,
  enabledad: flag,
  portIsolation: flag,
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
} as const;

const withoutWords = <Keys extends Properties>(keys: Keys): Keys =>
  Object.fromEntries(
    Object.entries(keys).map(([key, { description: _, ...shape }]) => [key, shape]),
  ) as unknown as Keys;

export const vxlanKeys = {
  mode: {
    type: "string",
    enum: ["l2", "l3"],
    defaultText: "required",
    description: "`l2` or `l3`",
  },
  vni: {
    type: "integer",
    minimum: 0,
    maximum: 16777215,
    defaultText: "required",
    description:
      "the network's number in the packets, 0 to 16777215; the same on all nodes, another one for every network",
  },
  port: {
    type: "integer",
    minimum: 1,
    maximum: 65535,
    default: 4789,
    description:
      "UDP port; the same on all nodes (8472 is the kernel's old one, which some other overlays use)",
  },
  device: { type: "string", defaultText: "`vx` and the VNI", description: "name of the VXLAN device" },
  underlay: {
    type: "object",
    properties: {
      dev: {
        type: "string",
        defaultText: "of the route to a peer",
        description:
          "the interface towards the other nodes. Its MTU counts; with a multicast group the packets are bound to it",
      },
      local: {
        type: "string",
        defaultText: "as the kernel would pick",
        description: "this node's address in the packets, IPv4 or IPv6: that its peers have for it",
      },
    },
  },
  mtu: { ...mtuKey, description: "of device and pods; 0: the underlay's, less 50 (IPv4) or 70 (IPv6)" },
  mac: {
    type: "string",
    default: "auto",
    description: "of the device; `auto`: derived from the local address, so that peers know it",
  },
  ttl: {
    type: "integer",
    minimum: 0,
    maximum: 255,
    default: 0,
    description: "of the packets; 0: the kernel's, which is 64, and 1 to a multicast group",
  },
  df: {
    type: "string",
    enum: ["unset", "set", "inherit"],
    default: "unset",
    description:
      "DF bit of outer IPv4: `unset`, `set` or `inherit`. In the mode l3 the last two need `net.ipv4.ip_forward_use_pmtu=1`",
  },
  srcPort: {
    type: "array",
    items: { type: "integer", minimum: 1, maximum: 65535 },
    minItems: 2,
    maxItems: 2,
    default: [49152, 65535],
    description: "lowest and highest UDP source port; every flow has its own",
  },
  udpCsum: {
    type: "boolean",
    default: true,
    description: "UDP checksums; turn them off where encryption below changes addresses",
  },
  learning: {
    type: "boolean",
    defaultText: "l2: `true`",
    description: "l2: remember behind which peer a MAC address was seen. Without, only `macs` are known",
  },
  guard: {
    type: "boolean",
    default: true,
    description:
      "take packets of this VNI from the peers only (nftables); with a multicast group alone, by `underlay.dev` only",
  },
  keepDevice: {
    type: "boolean",
    default: true,
    description: "the overlay stays when the last pod goes; otherwise it goes too",
  },
  bridge: {
    type: "string",
    defaultText: "`br-vx` and the VNI",
    description: 'l2, and l3 with `"attach": "bridge"`: the pods\' bridge',
  },
  l2: { type: "object", properties: l2Keys },
  l3: { type: "object", properties: l3Keys },
  discovery: { type: "object", properties: discoveryKeys },
  ipam: {
    type: "ipam",
    defaultText: "l3: required",
    description:
      "host-local needs no ranges in the mode l3: it gets `l3.subnets`, and default routes. In l2 give each node a part of its own",
  },
  ...withoutWords(passedKeys),
  dns: dnsKey,
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: vxlanKeys,
  required: ["mode", "vni"],
  // Of the plugin that attaches the pod.
  capabilities: { mac: { type: "string" }, ...addressCapabilities },
};

export default schema;
