/** Describes the keys of the two modes. */
import type { Properties } from "../../../shared/cni/schema.ts";

export const l2Keys = {
  flood: {
    type: "string",
    enum: ["replicate", "multicast", "none"],
    default: "replicate",
    description:
      "how broadcasts reach other nodes: `replicate` to every peer, `multicast` to a group, `none`",
  },
  group: { type: "string", description: "the multicast group; needs `underlay.dev`" },
  ageing: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 300,
    description: "seconds after which a learned address is forgotten",
  },
  arp: {
    type: "string",
    enum: ["flood", "suppress"],
    default: "flood",
    description: "`suppress`: the bridge answers ARP and neighbour solicitations for the peers' `macs`",
  },
} as const satisfies Properties;

export const l3Keys = {
  network: {
    type: "texts",
    defaultText: "required in l3",
    examples: ["10.244.0.0/16"],
    description:
      "the network, or list of networks, that all pod subnets of all nodes are in: never masqueraded",
  },
  subnets: {
    type: "texts",
    defaultText: "required in l3",
    examples: ["10.244.1.0/24"],
    description:
      "this node's pod subnets. The first address of the first one of each family is the node's own in the overlay",
  },
  directRouting: {
    type: "boolean",
    default: false,
    description: "no encapsulation to peers on the same link",
  },
  attach: {
    type: "string",
    enum: ["ptp", "bridge"],
    default: "ptp",
    description: "what attaches the pods: `ptp` or `bridge`",
  },
} as const satisfies Properties;
