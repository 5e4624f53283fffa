/** Describes the keys of host-local, in the section `ipam`. shared/cni/schema.ts says what for. */
import { routeProperties } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

const exclude = {
  type: "array",
  items: { type: "string" },
  description:
    'addresses and networks never handed out: `["10.88.0.10", "10.88.0.64/26"]`; a static request for one is refused as well',
} as const;

export const rangeKeys = {
  subnet: {
    type: "string",
    defaultText: "required",
    examples: ["10.88.0.0/16", "fd00:88::/64"],
    description: "the network, such as `10.88.0.0/16`",
  },
  rangeStart: { type: "string", defaultText: "first usable", description: "the first address to hand out" },
  rangeEnd: { type: "string", defaultText: "last usable", description: "the last address to hand out" },
  gateway: {
    type: "string",
    defaultText: "first address",
    description: "goes into the result, and is not handed out",
  },
  exclude,
} as const satisfies Properties;

const older = (key: string) =>
  ({
    type: "string",
    description: `an older form: \`${key}\` of a range set before those in \`ranges\``,
  }) as const;

export const hostLocalKeys = {
  type: { type: "string" },
  ranges: {
    type: "array",
    defaultText: "required",
    items: {
      type: "array",
      minItems: 1,
      items: { type: "object", properties: rangeKeys, required: ["subnet"] },
    },
    examples: [[[{ subnet: "10.88.0.0/16" }]]],
    description:
      "a list of range sets; a container gets one address of each set. A set is a list of ranges of one family that are used as one",
  },
  exclude: { ...exclude, description: "the same, for all ranges" },
  routes: {
    type: "array",
    items: { type: "object", properties: routeProperties, required: ["dst"] },
    description: "for the result: `dst`, `gw`, `mtu`, `advmss`, `priority`, `table`, `scope`",
  },
  resolvConf: {
    type: "string",
    description: "a file in the form of resolv.conf(5) for the result's `dns`",
  },
  dataDir: {
    type: "string",
    default: "/var/lib/cni/networks",
    description: "where reservations are kept",
  },
  subnet: older("subnet"),
  rangeStart: older("rangeStart"),
  rangeEnd: older("rangeEnd"),
  gateway: older("gateway"),
} as const satisfies Properties;

const schema: PluginSchema = { properties: hostLocalKeys };

export default schema;
