/** The keys of firewall, described: shared/cni/schema.ts says what for. */
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";

export const firewallKeys = {
  backend: {
    type: "string",
    enum: ["nftables", "iptables", "firewalld"],
    mayBeEmpty: true,
    defaultText: "nftables",
    description:
      "`nftables`, `iptables` or `firewalld`; without the key `iptables` where the kernel has no nf_tables, and a zone of firewalld too where that runs",
  },
  firewalldZone: {
    type: "string",
    default: "trusted",
    description: "the zone of firewalld that the addresses become sources of",
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
