/** The keys of firewall, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const firewallKeys = {
  backend: {
    type: "string",
    enum: ["nftables", "iptables"],
    mayBeEmpty: true,
    defaultText: "nftables",
    description: "`nftables`, or `iptables`, which is also the default where the kernel has no nf_tables",
  },
  iptablesAdminChainName: {
    type: "string",
    default: "CNI-ADMIN",
    description:
      "a chain of iptables for the administrator's own rules, asked before any traffic is accepted",
  },
  ingressPolicy: {
    type: "string",
    enum: ["open", "same-bridge", "isolated"],
    mayBeEmpty: true,
    default: "open",
    description:
      "`same-bridge`: containers on other bridges with a policy cannot reach those on this bridge; `isolated`: nor can their neighbours, as far as the host forwards between them",
  },
} as const satisfies Properties;

const schema: PluginSchema = { properties: firewallKeys, capabilities: {} };

export default schema;
