/** Describes the keys of dhcp, in the section `ipam`. shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

const option = {
  type: "string",
  defaultText: "required",
  examples: ["host-name", "vendor-class-identifier", "6", "121"],
  description:
    "`dhcp-client-identifier`, `subnet-mask`, `routers`, `host-name`, `user-class`, `vendor-class-identifier`, or a number up to 255",
} as const;

export const provideKeys = {
  option,
  value: { type: "string", mayBeEmpty: true, description: "at most 255 bytes" },
  fromArg: {
    type: "string",
    mayBeEmpty: true,
    description: "the key of CNI_ARGS whose value is sent, such as `K8S_POD_NAME`",
  },
} as const satisfies Properties;

export const requestKeys = {
  option: { ...option, mayBeEmpty: true },
  skipDefault: {
    type: "boolean",
    default: false,
    description: "does not ask for `routers` and `subnet-mask` by itself",
  },
} as const satisfies Properties;

export const dhcpKeys = {
  type: { type: "string" },
  daemonSocketPath: {
    type: "string",
    mayBeEmpty: true,
    default: "/run/cni/dhcp.sock",
    description: "where the daemon listens",
  },
  provide: {
    type: "array",
    items: { type: "object", properties: provideKeys, required: ["option"] },
    description: "options for the server: `option`, and `value` or `fromArg`",
  },
  request: {
    type: "array",
    items: { type: "object", properties: requestKeys },
    description:
      "options to ask the server for: `option`; `skipDefault`. `33` and `121` become routes, `6`, `15` and `119` the result's `dns`",
  },
  priority: { type: "integer", minimum: 0, default: 0, description: "the metric of all routes" },
} as const satisfies Properties;

const schema: PluginSchema = { properties: dhcpKeys };

export default schema;
