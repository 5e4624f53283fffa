/** Descriptions of keys that all or several plugins have: data for their schema.ts. */
import type { Properties } from "./schema.ts";

/** For the result of ADD (specification 1.1.0, "dns"). */
const dnsProperties = {
  nameservers: { type: "array", items: { type: "string" } },
  domain: { type: "string" },
  search: { type: "array", items: { type: "string" } },
  options: { type: "array", items: { type: "string" } },
} as const satisfies Properties;

export const dnsKey = {
  type: "object",
  properties: dnsProperties,
  defaultText: "none",
  description: "for the result, instead of what IPAM gives",
} as const;

/** Of plugins whose interface may have no addresses. */
export const optionalIpamKey = {
  type: "ipam",
  defaultText: "none",
  description: "the IPAM plugin and its keys; without it the interface has no addresses",
} as const;

/** A route as in results and IPAM configurations. */
export const routeProperties = {
  dst: { type: "string", examples: ["0.0.0.0/0", "::/0"] },
  gw: { type: "string" },
  mtu: { type: "integer" },
  advmss: { type: "integer" },
  priority: { type: "integer" },
  table: { type: "integer" },
  scope: { type: "integer" },
} as const satisfies Properties;

export const mtuKey = { type: "integer", minimum: 68, maximum: 65535, or: 0, default: 0 } as const;

/** Of plugins that make an interface on top of a device (shared/attachment/master.ts). */
export const masterKeys = {
  master: {
    type: "string",
    defaultText: "that of the default route",
    description: "the device of the node on top of which the interface is",
  },
  linkInContainer: {
    type: "boolean",
    default: false,
    description: "`master` is in the container: another of its networks has made it before",
  },
  mtu: { ...mtuKey, description: "0: that of the master, which is also the most" },
} as const satisfies Properties;

/** Of plugins whose containers' addresses may be masqueraded (shared/filter/masquerade-config.ts). */
export const masqueradeKeys = {
  ipMasq: {
    type: "boolean",
    default: false,
    description:
      "traffic that leaves the container's network has the node's address (masquerade, fully random source ports); multicast stays as it is",
  },
  ipMasqBackend: {
    type: "string",
    enum: ["iptables", "nftables"],
    mayBeEmpty: true,
    defaultText: "nftables",
    description:
      "how: `nftables`, or `iptables`; without the key `iptables` where the kernel has no nf_tables",
  },
  nonMasqueradeCIDRs: {
    type: "array",
    items: { type: "string", examples: ["192.168.0.0/16", "fd00::/8"] },
    default: [],
    description:
      'networks to which traffic keeps the container\'s address, of both families: `["192.168.0.0/16", "fd00::/8"]`',
  },
} as const satisfies Properties;

/** Capabilities for addresses, of plugins with an IPAM plugin (conventions "ips" and "ipRanges"). */
export const addressCapabilities = {
  ips: { type: "array", items: { type: "string" } },
  ipRanges: {
    type: "array",
    items: {
      type: "array",
      items: {
        type: "object",
        properties: {
          subnet: { type: "string" },
          rangeStart: { type: "string" },
          rangeEnd: { type: "string" },
          gateway: { type: "string" },
          exclude: { type: "array", items: { type: "string" } },
        },
      },
    },
  },
} as const satisfies Properties;

/** Keys of every plugin, by the specification and podwire. */
export const commonKeys = {
  cniVersion: { type: "string" },
  name: { type: "string" },
  type: { type: "string" },
  capabilities: { type: "object", properties: {}, others: { type: "boolean" } },
  args: { type: "object", properties: {} },
  runtimeConfig: { type: "object", properties: {} },
  prevResult: { type: "object", properties: {} },
  dns: dnsKey,
  podwireLog: { type: "string", description: "a file that gets a line for each call, as with PODWIRE_LOG" },
} as const satisfies Properties;
