/** The configuration of firewall. */
import { quote } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Backend, readBackend } from "../../shared/filter/backend.ts";
import { DEFAULT_ADMIN, type IngressPolicy, ingressPolicies } from "../../shared/filter/record.ts";
import type { firewallKeys } from "./schema.ts";

export interface FirewallConfig {
  /** Undefined: as the node offers. */
  readonly backend: Backend | undefined;
  readonly admin: string;
  /** Undefined: open. */
  readonly policy: IngressPolicy | undefined;
}

/** Chains that iptables has of itself, and podwire's own. */
const TAKEN = /^(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING|ACCEPT|DROP|RETURN|QUEUE|PODWIRE-.*)$/;

function readAdmin(keys: Keyed<typeof firewallKeys>): string {
  const key = "iptablesAdminChainName";
  const chain = keys.text(key) ?? "";
  if (chain === "") return DEFAULT_ADMIN;
  // As iptables takes it, which may be given the name without quotes.
  if (/^[A-Za-z0-9_][\w.:-]{0,27}$/.test(chain) && !TAKEN.test(chain)) return chain;
  const advice = 'give the name of a chain of the table filter for your own rules, such as "CNI-ADMIN"';
  throw keys.invalid(key, `is no name for a chain: ${quote(chain)}`, advice);
}

function readPolicy(keys: Keyed<typeof firewallKeys>): IngressPolicy | undefined {
  const text = keys.text("ingressPolicy") ?? "";
  if (text === "" || text === "open") return undefined;
  const policy = ingressPolicies.find((name) => name === text);
  if (policy !== undefined) return policy;
  const advice = 'set "open", "same-bridge" or "isolated"';
  throw keys.invalid("ingressPolicy", `is unknown: ${quote(text)}`, advice);
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readFirewall({ configuration }: Request): FirewallConfig {
  const keys: Keyed<typeof firewallKeys> = configuration.fields;
  return {
    backend: readBackend(configuration.fields, "backend"),
    admin: readAdmin(keys),
    policy: readPolicy(keys),
  };
}
