/**
 * The iptables rules of records, as text for iptables-restore. Pure.
 *
 * Built-in chains only jump to three shared chains. An attachment has a chain of its own, and a jump to it in a shared chain for
 * each address or host port. Rules are written as iptables-save lists them, and each has a comment.
 */
import { ownerComment } from "../../cni/attachment.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { type Family, formatIp, type IpAddress } from "../../ip/address.ts";
import { type Cidr, contains, formatCidr, hostCidr, isSingle, networkOf, parseCidr } from "../../ip/cidr.ts";
import { vxlanPorts } from "../../nftables/untracked.ts";
import { sha512 } from "../../system/hash.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type HostPorts,
  type PortMapping,
  targetOf,
} from "../record.ts";
import { FORWARD, forwardChains, forwardOwn, forwardRules, forwardShared, GATE } from "./forward.ts";
import { localhostRules } from "./localhost.ts";
import {
  commented,
  maskOf,
  type OwnChain,
  quoteWord,
  type Rule,
  ruleText,
  type SharedRule,
  shared,
} from "./rule.ts";
import { type ChangedTable, changedTables } from "./saved.ts";

export const POSTROUTING = "PODWIRE-POSTROUTING";
export const MARKED = "PODWIRE-MARKED";
export const HOSTPORTS = "PODWIRE-HOSTPORTS";
export const sharedChains = {
  nat: [MARKED, POSTROUTING, HOSTPORTS],
  filter: forwardChains,
} as const satisfies Record<ChangedTable, readonly string[]>;
export type SharedChain = (typeof sharedChains)[ChangedTable][number];
export const isSharedChain = (chain: string): boolean =>
  changedTables.some((table) => sharedChains[table].some((each) => each === chain));

/** Chains of this backend, the shared ones included. */
export const isOwnChain = (chain: string): boolean => chain.startsWith("PODWIRE-") && chain !== GATE;

/** A chain's name has at most 28 characters. The owner is hashed as comments have it, so that a comment leads to the chain. */
export const masqueradeChain = (owner: AttachmentKey): string =>
  `PODWIRE-${sha512(ownerComment(owner)).slice(0, 20)}`;
export const hostPortChain = (owner: AttachmentKey): string =>
  `PODWIRE-DN-${sha512(ownerComment(owner)).slice(0, 17)}`;

const multicast = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;
const LOCAL = "-m addrtype --dst-type LOCAL";

/** VXLAN is not masqueraded (dport), nor an answer of a host port (sport): nftables/untracked.ts says why. */
const matchVxlan = (end: "dport" | "sport") => vxlanPorts.map((port) => `-p udp -m udp --${end} ${port}`);

/** The jumps of built-in chains to a shared chain, and its first rule, whose presence says that it was not emptied. */
export function chainRules(chain: SharedChain, family: Family): SharedRule[] {
  if (chain === POSTROUTING) {
    const comment = "podwire: multicast keeps its source address";
    return [
      shared("nat", "POSTROUTING", "", "podwire: masquerade", chain),
      shared("nat", chain, `-d ${multicast[family]}`, comment, "RETURN"),
      ...matchVxlan("dport").map((match) =>
        shared("nat", chain, match, "podwire: VXLAN is not translated", "RETURN"),
      ),
    ];
  }
  if (chain === HOSTPORTS) {
    // Appended, and for local addresses only: a rule of a service on the same address comes first.
    const jumps = ["PREROUTING", "OUTPUT"].map((from) =>
      shared("nat", from, LOCAL, "podwire: host ports", chain),
    );
    const comment = "podwire: jumps to containers, those of one host address first";
    return [...jumps, { ...shared("nat", chain, "", comment, ""), spec: commented(comment) }];
  }
  if (chain === FORWARD) return [...forwardRules];
  // Only rules of records lead into it, and are in it.
  if (chain !== MARKED) return [];
  // Inserted: rules that exempt a network from masquerade would exempt a container that connects to its own host port.
  const jump = shared("nat", "POSTROUTING", "", "podwire: host ports that need masquerade", chain);
  return [{ ...jump, isFirst: true }];
}

function markRule(markBit: number): SharedRule {
  const match = `-m mark --mark ${maskOf(markBit)}/${maskOf(markBit)}`;
  const comment = `podwire: mark bit ${markBit} is masquerade`;
  // Without random ports, two connections that pick the same port at the same time lose a packet.
  const rule = shared("nat", MARKED, match, comment, "MASQUERADE --random-fully");
  // The usual bit keeps its rule: to ask other records takes a while.
  return markBit === DEFAULT_MARK_BIT ? rule : { ...rule, isRemovable: true };
}

const loopback4 = parseCidr("127.0.0.0/8") as Cidr;

/** The mappings of a family that have a target: those of one host address first, as the first rule that matches decides. */
function mappingsOf(ports: HostPorts, family: Family): PortMapping[] {
  const all = ports.mappings.filter(
    (mapping) => mapping.family === family && targetOf(ports, mapping) !== undefined,
  );
  const isSpecific = ({ hostIp }: PortMapping) => hostIp !== undefined;
  return [...all.filter(isSpecific), ...all.filter((mapping) => !isSpecific(mapping))];
}

const isOnLocalhost = ({ family, hostIp }: PortMapping): boolean =>
  family === 4 && (hostIp === undefined || contains(loopback4, hostIp));

const addressesOf = ({ masquerade }: FilterRecord, family: Family): Cidr[] =>
  (masquerade?.addresses ?? []).filter(({ address }) => address.family === family);

/** The rules that a record needs beside its own ones. */
export function sharedRules(record: FilterRecord, family: Family): SharedRule[] {
  const rules = forwardShared(record, family);
  if (addressesOf(record, family).length > 0) rules.push(...chainRules(POSTROUTING, family));
  const ports = record.hostPorts;
  const mappings = ports === undefined ? [] : mappingsOf(ports, family);
  if (ports === undefined || mappings.length === 0) return rules;
  rules.push(...chainRules(HOSTPORTS, family));
  if (!ports.snat) return rules;
  if (ports.externalSetMarkChain === undefined) {
    rules.push(...chainRules(MARKED, family), markRule(ports.markBit));
  }
  if (mappings.some(isOnLocalhost)) rules.push(...localhostRules);
  return rules;
}

/** The chains of a record: for masquerade, host ports and the firewall, if it has them in this family. */
export function ownChains(record: FilterRecord, family: Family): OwnChain[] {
  const chains = [masqueradeRules(record, family), hostPortRules(record, family), forwardOwn(record, family)];
  return chains.filter((chain) => chain !== undefined);
}

const nat = (chain: string, spec: string): Rule => ({ table: "nat", chain, spec });

function masqueradeRules(record: FilterRecord, family: Family): OwnChain | undefined {
  const addresses = addressesOf(record, family);
  if (addresses.length === 0) return undefined;
  const name = masqueradeChain(record.owner);
  const note = commented(ownerComment(record.owner));
  const exceptions = (record.masquerade?.exceptions ?? []).filter(({ address }) => address.family === family);
  const unchanged = [
    ...exceptions.map((cidr) => `-d ${formatCidr(cidr)}`),
    ...addresses
      .filter((cidr) => !isSingle(cidr))
      .map((cidr) => `-s ${formatCidr(hostCidr(cidr.address))} -d ${formatCidr(networkOf(cidr))}`),
  ];
  return {
    table: "nat",
    name,
    rules: [
      ...unchanged.map((match) => nat(name, `${match} ${note} -j RETURN`)),
      nat(name, `${note} -j MASQUERADE --random-fully`),
    ],
    jumps: addresses.map(({ address }) =>
      nat(POSTROUTING, `-s ${formatCidr(hostCidr(address))} ${note} -j ${name}`),
    ),
  };
}

function endpoint(address: IpAddress, port: number): string {
  return address.family === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}

function matchPort({ protocol, hostIp, hostPort }: PortMapping): string {
  const destination = hostIp === undefined ? "" : `-d ${formatCidr(hostCidr(hostIp))} `;
  return `${destination}-p ${protocol} -m ${protocol} --dport ${hostPort}`;
}

/** The sources that get the node's address: without it, their answers would not come back through the node. */
function markedSources({ snat, masqAll }: HostPorts, target: Cidr): string[] {
  if (!snat) return [];
  if (masqAll) return [""];
  const own = `-s ${formatCidr(networkOf(target))} `;
  return target.address.family === 4 ? [own, `-s ${formatCidr(loopback4)} `] : [own];
}

/** The matches of the rules that mark, in a chain that packets to other host addresses enter too. */
function markedPorts(mappings: readonly PortMapping[], isEnteredByOthers: boolean): string[] {
  return isEnteredByOthers ? mappings.map((mapping) => `${matchPort(mapping)} `) : [""];
}

function hostPortRules({ owner, hostPorts: ports }: FilterRecord, family: Family): OwnChain | undefined {
  const mappings = ports === undefined ? [] : mappingsOf(ports, family);
  const target = ports?.targets.find(({ address }) => address.family === family);
  if (ports === undefined || target === undefined || mappings.length === 0) return undefined;
  const name = hostPortChain(owner);
  const note = commented(ownerComment(owner));
  const mask = maskOf(ports.markBit);
  const mark = ports.externalSetMarkChain ?? `MARK --set-xmark ${mask}/${mask}`;
  const conditions = ports.conditions[family].map((word) => `${quoteWord(word)} `).join("");
  // A rule takes one -d, which the conditions may have. Then the host's address is compared in the chain alone.
  const isConditional = conditions !== "";
  const entryOf = ({ hostIp, ...port }: PortMapping) =>
    hostIp === undefined || isConditional ? port : { ...port, hostIp };
  const hasAddress = mappings.some(({ hostIp }) => hostIp !== undefined);
  const refused = mappings.some(({ protocol }) => protocol === "udp") ? matchVxlan("sport") : [];
  return {
    table: "nat",
    name,
    rules: [
      ...refused.map((match) => nat(name, `${match} ${note} -j RETURN`)),
      ...markedPorts(mappings, isConditional && hasAddress).flatMap((match) =>
        markedSources(ports, target).map((source) => nat(name, `${source}${match}${note} -j ${mark}`)),
      ),
      ...mappings.map((mapping) => {
        const to = endpoint(target.address, mapping.containerPort);
        return nat(name, `${matchPort(mapping)} ${note} -j DNAT --to-destination ${to}`);
      }),
    ],
    jumps: uniqueRules(
      mappings.map((mapping) => {
        const jump = nat(HOSTPORTS, `${matchPort(entryOf(mapping))} ${conditions}${note} -j ${name}`);
        // A mapping of one address comes before those of all addresses.
        return mapping.hostIp === undefined ? jump : { ...jump, isFirst: true };
      }),
    ),
  };
}

/** Each rule once, the first of those with the same text. */
function uniqueRules(rules: readonly Rule[]): Rule[] {
  const unique = new Map<string, Rule>();
  for (const rule of rules) if (!unique.has(ruleText(rule))) unique.set(ruleText(rule), rule);
  return [...unique.values()];
}
