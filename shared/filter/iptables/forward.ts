/** The table filter: traffic of containers is forwarded, and policies for what comes in to them. Pure. */
import { ownerComment } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import type { Family } from "../../ip/address.ts";
import { formatCidr, hostCidr } from "../../ip/cidr.ts";
import { sha512 } from "../../system/hash.ts";
import type { FilterRecord, Firewall, Ingress } from "../record.ts";
import { commented, type OwnChain, type Rule, type SharedRule, shared } from "./rule.ts";

export const FORWARD = "PODWIRE-FORWARD";
const INGRESS = "PODWIRE-INGRESS";
const TO_BRIDGES = "PODWIRE-TO-BRIDGES";
export const forwardChains = [FORWARD, INGRESS, TO_BRIDGES] as const;
/** The chain of the nftables backend, which no other changes: forward-gate.ts. */
export const GATE = "PODWIRE-GATE";

/** Of the shared rules below: the administrator's chain, and the bridge. */
const ADMIN = /^PODWIRE-FORWARD -m comment --comment "podwire: rules of the administrator in .*" -j (\S+)$/;
const BETWEEN = /^PODWIRE-INGRESS -i (\S+) ! -o /;
const WITHIN = /^PODWIRE-INGRESS -i (\S+) -o /;

/** What the jump of the chain FORWARD says. */
export const ENTRY = "podwire: containers";
/** What the rule says that accepts what the nftables backend has marked. */
export const ACCEPTED = "podwire: traffic of containers";
/** iptables-save escapes apostrophes: none of these comments has one. */
export const adminComment = (chain: string): string => `podwire: rules of the administrator in ${chain}`;

export const forwardChain = (owner: AttachmentKey): string =>
  `PODWIRE-FW-${sha512(ownerComment(owner)).slice(0, 17)}`;

/** Policies come first: nothing that is accepted meets them afterwards. */
export const forwardRules: readonly SharedRule[] = [
  { ...shared("filter", "FORWARD", "", ENTRY, FORWARD), isFirst: true },
  shared("filter", FORWARD, "", "podwire: policies of bridges", INGRESS),
];

function ingressRules({ bridge, policy }: Ingress): SharedRule[] {
  const between = shared(
    "filter",
    INGRESS,
    `-i ${bridge} ! -o ${bridge}`,
    `podwire: from ${bridge} not to other bridges`,
    TO_BRIDGES,
  );
  const others = `podwire: nothing from other bridges to ${bridge}`;
  const within = `podwire: containers of ${bridge} are isolated from each other`;
  const rules = [
    between,
    shared("filter", TO_BRIDGES, `-o ${bridge}`, others, "DROP"),
    ...(policy === "isolated"
      ? [shared("filter", INGRESS, `-i ${bridge} -o ${bridge}`, within, "DROP")]
      : []),
  ];
  return rules.map((rule) => ({ ...rule, isRemovable: true }));
}

/** The chains of administrators that a record wants: podwire makes them, and changes nothing in them. */
export const adminChains = ({ backend, firewall }: FilterRecord): readonly string[] =>
  backend === "iptables" ? (firewall?.admins ?? []) : [];

const addressesOf = (record: FilterRecord, family: Family) =>
  adminChains(record).length === 0
    ? []
    : (record.addresses ?? []).filter(({ address }) => address.family === family);

/** What a record needs of the shared chains. */
export function forwardShared(record: FilterRecord, family: Family): SharedRule[] {
  if (addressesOf(record, family).length === 0) return [];
  return [
    ...forwardRules,
    ...adminChains(record).map((chain) => shared("filter", FORWARD, "", adminComment(chain), chain)),
    ...(record.firewall?.ingress ?? []).flatMap(ingressRules),
  ];
}

export function forwardOwn(record: FilterRecord, family: Family): OwnChain | undefined {
  const addresses = addressesOf(record, family).map(({ address }) => formatCidr(hostCidr(address)));
  if (addresses.length === 0) return undefined;
  const name = forwardChain(record.owner);
  const note = commented(ownerComment(record.owner));
  const rule = (chain: string, spec: string): Rule => ({ table: "filter", chain, spec });
  return {
    table: "filter",
    name,
    rules: [rule(name, `${note} -j ACCEPT`)],
    jumps: addresses.flatMap((address) => [
      rule(FORWARD, `-d ${address} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT ${note} -j ${name}`),
      rule(FORWARD, `-s ${address} ${note} -j ${name}`),
    ]),
  };
}

/** What the shared chains say, of all containers together: no rule there says whose wish it is. */
export function readForward(rules: readonly string[]): Firewall {
  const admins = rules.flatMap((rule) => ADMIN.exec(rule)?.[1] ?? []);
  const bridges = (pattern: RegExp) => new Set(rules.flatMap((rule) => pattern.exec(rule)?.[1] ?? []));
  const isolated = bridges(WITHIN);
  const ingress = [...bridges(BETWEEN)].map(
    (bridge): Ingress => ({ bridge, policy: isolated.has(bridge) ? "isolated" : "same-bridge" }),
  );
  return { admins: [...new Set(admins)], ingress };
}
