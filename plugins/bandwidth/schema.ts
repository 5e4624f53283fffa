/** The keys of bandwidth, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

const limit = { type: "integer", minimum: 8, or: 0, default: 0 } as const;

export const limitKeys = {
  ingressRate: { ...limit, description: "what the container may receive, in bits a second; 0: no limit" },
  ingressBurst: {
    ...limit,
    maximum: 34359738359,
    description: "the bits that it may receive at once, after it has received less than the rate",
  },
  egressRate: { ...limit, description: "what the container may send, in bits a second; 0: no limit" },
  egressBurst: {
    ...limit,
    maximum: 34359738359,
    description: "the bits that it may send at once",
  },
} as const satisfies Properties;

const subnets = { type: "array", items: { type: "string", examples: ["10.0.0.0/8", "fd00::/8"] } } as const;

export const bandwidthKeys = {
  ...limitKeys,
  unshapedSubnets: {
    ...subnets,
    description: "traffic with these networks is not limited, and does not count",
  },
  shapedSubnets: {
    ...subnets,
    description: "only traffic with these networks is limited; not together with `unshapedSubnets`",
  },
} as const satisfies Properties;

const schema: PluginSchema = {
  properties: bandwidthKeys,
  capabilities: {
    bandwidth: {
      type: "object",
      description:
        "the same keys for one container, from the annotations `kubernetes.io/ingress-bandwidth` and `kubernetes.io/egress-bandwidth`. Rates in the configuration itself win over them",
      properties: bandwidthKeys,
    },
  },
};

export default schema;
