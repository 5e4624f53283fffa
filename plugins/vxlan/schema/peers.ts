/** Describes the keys of `discovery`. */
import type { Properties } from "../../../shared/cni/schema.ts";

const peerKeys = {
  name: { type: "string", defaultText: "`vtep`", description: "for errors" },
  vtep: {
    type: "string",
    defaultText: "required",
    examples: ["192.0.2.2"],
    description: "its address in the packets",
  },
  subnets: {
    type: "array",
    items: { type: "string", examples: ["10.244.2.0/24"] },
    description: "l3: the networks of its pods",
  },
  mac: {
    type: "string",
    defaultText: "derived from `vtep`",
    description: "l3: of its VXLAN device",
  },
  macs: {
    type: "object",
    properties: {},
    others: { type: "texts" },
    description:
      'l2: the pods known to be there, as `{"0a:58:0a:0a:00:46": "10.10.0.70"}` or with a list of addresses',
  },
} as const satisfies Properties;

export const discoveryKeys = {
  type: {
    type: "string",
    enum: ["static"],
    default: "static",
    description: "where the peers come from: `static`, as listed here",
  },
  peers: {
    type: "array",
    items: { type: "object", properties: peerKeys, required: ["vtep"] },
    description: "the other nodes",
  },
} as const satisfies Properties;
