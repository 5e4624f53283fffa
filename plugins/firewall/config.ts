/** The configuration of firewall. */
import { quote } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Backend, backends } from "../../shared/filter/backend.ts";
import { DEFAULT_ADMIN, type IngressPolicy, ingressPolicies } from "../../shared/filter/record.ts";
import type { firewallKeys } from "./schema.ts";

export interface FirewallConfig {
  /** Undefined: as the node offers. Of "firewalld" it is that of policies. */
  readonly backend: Backend | undefined;
  /** Whether firewalld forwards: always, never, or where it runs, beside the backend's own rules. */
  readonly firewalld: "always" | "never" | "where it runs";
  readonly zone: string;
  readonly admin: string;
  /** Undefined: open. */
  readonly policy: IngressPolicy | undefined;
}

/** Chains that iptables has of itself, and podwire's own. */
const TAKEN = /^(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING|ACCEPT|DROP|RETURN|QUEUE|PODWIRE-.*)$/;

/** iptables-extensions(8): a jump to a chain with such a name is one to the target, REJECT for example, once iptables has read it. */
const targets =
  "AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER LED LOG MARK MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SECMARK SET SNAT SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG".split(
    " ",
  );

function readAdmin(keys: Keyed<typeof firewallKeys>): string {
  const key = "iptablesAdminChainName";
  const chain = keys.text(key) ?? "";
  if (chain === "") return DEFAULT_ADMIN;
  // As iptables takes it, which may be given the name without quotes.
  const isFree = !TAKEN.test(chain) && !targets.includes(chain);
  if (/^[A-Za-z0-9_][\w.:-]{0,27}$/.test(chain) && isFree) return chain;
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

function readBackends(keys: Keyed<typeof firewallKeys>): Pick<FirewallConfig, "backend" | "firewalld"> {
  const text = keys.text("backend") ?? "";
  if (text === "") return { backend: undefined, firewalld: "where it runs" };
  if (text === "firewalld") return { backend: undefined, firewalld: "always" };
  const backend = backends.find((name) => name === text);
  if (backend !== undefined) return { backend, firewalld: "never" };
  const advice = 'set "nftables", "iptables" or "firewalld", or leave the key out: the node decides then';
  throw keys.invalid("backend", `is unknown: ${quote(text)}`, advice);
}

/** The names of zones are those of files. */
function readZone(keys: Keyed<typeof firewallKeys>): string {
  const zone = keys.text("firewalldZone") ?? "";
  if (zone === "") return "trusted";
  if (/^[\w.-]{1,128}$/.test(zone)) return zone;
  throw keys.invalid("firewalldZone", `is no name for a zone: ${quote(zone)}`, 'such as "trusted"');
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readFirewall({ configuration }: Request): FirewallConfig {
  const keys: Keyed<typeof firewallKeys> = configuration.fields;
  return { ...readBackends(keys), admin: readAdmin(keys), policy: readPolicy(keys), zone: readZone(keys) };
}
