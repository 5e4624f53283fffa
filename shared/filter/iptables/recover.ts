/** Records from the rules that the kernel has: for records that were deleted while containers live. Pure. */
import { readOwner } from "../../cni/attachment.ts";
import { type Family, isSameIp, parseIp } from "../../ip/address.ts";
import { type Cidr, defaultRoute, hostCidr, parseCidr } from "../../ip/cidr.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type Firewall,
  type HostPorts,
  type Masquerade,
  type PortMapping,
  transportProtocols,
} from "../record.ts";
import { FORWARD, forwardChain, readForward } from "./forward.ts";
import { HOSTPORTS, hostPortChain, isOwnChain, masqueradeChain, POSTROUTING } from "./rules.ts";
import { chainOf, jumpOf, type SavedTable, wordsOf } from "./saved.ts";

/** The shared chains that jump to those of attachments. */
const jumping: readonly string[] = [POSTROUTING, HOSTPORTS, FORWARD];

type Words = readonly string[];

/** A chain of an attachment in one family: its rules, and the jumps to it. */
interface FoundChain {
  readonly family: Family;
  readonly rules: Words[];
  readonly jumps: Words[];
}

const wordAfter = (words: Words, option: string): string | undefined => {
  const at = words.indexOf(option);
  return at < 0 ? undefined : words[at + 1];
};

const cidrAfter = (words: Words, option: string): Cidr | undefined =>
  parseCidr(wordAfter(words, option) ?? "");

function readAddresses({ family, rules, jumps }: FoundChain): Masquerade {
  const returns = rules.filter((words) => wordAfter(words, "-j") === "RETURN");
  const networks = returns.map((words) => ({
    source: cidrAfter(words, "-s")?.address,
    // iptables-save leaves out a network of all addresses.
    to: cidrAfter(words, "-d") ?? defaultRoute(family),
  }));
  const addresses = jumps.flatMap((words) => {
    const single = cidrAfter(words, "-s");
    if (single === undefined) return [];
    const own = networks.find(({ source }) => source !== undefined && isSameIp(source, single.address));
    return [own === undefined ? single : { ...single, prefixLength: own.to.prefixLength }];
  });
  const exceptions = networks.flatMap(({ source, to }) => (source === undefined ? [to] : []));
  return { addresses, exceptions };
}

/** A rule that translates: "10.1.0.2:80" or "[fd00::2]:80" after the option. */
const ENDPOINT = /^\[?([^\]]+?)\]?:(\d+)$/;

function readTranslation(words: Words, family: Family): { mapping: PortMapping; target: Cidr }[] {
  const [, host = "", port] = ENDPOINT.exec(wordAfter(words, "--to-destination") ?? "") ?? [];
  const address = parseIp(host);
  const protocol = transportProtocols.find((name) => name === wordAfter(words, "-p"));
  if (address === undefined || protocol === undefined) return [];
  const hostIp = cidrAfter(words, "-d")?.address;
  const hostPort = Number(wordAfter(words, "--dport"));
  const plain = { protocol, family, hostPort, containerPort: Number(port) };
  return [{ mapping: hostIp === undefined ? plain : { ...plain, hostIp }, target: hostCidr(address) }];
}

/** What is left of a jump's words without its chains, its port and the owner's comment, which is the last match. */
function readConditions(jump: Words, mappings: readonly PortMapping[]): string[] {
  const [protocol, port, to] = [wordAfter(jump, "-p"), wordAfter(jump, "--dport"), wordAfter(jump, "-d")];
  const address = parseCidr(to ?? "")?.address;
  const isHostIp = mappings.some(
    ({ hostIp, ...each }) =>
      each.protocol === protocol &&
      String(each.hostPort) === port &&
      hostIp &&
      address &&
      isSameIp(hostIp, address),
  );
  const words = jump.slice(1, jump.lastIndexOf("--comment") - 2);
  const known = [
    ["-p", protocol],
    ["-m", protocol],
    ["--dport", port],
  ];
  for (const [option, value] of known) {
    const at = words.findIndex((word, index) => word === option && words[index + 1] === value);
    if (at >= 0) words.splice(at, 2);
  }
  // The jump has the host's address only if there are no conditions.
  return isHostIp && words.length === 2 && words[0] === "-d" ? [] : words;
}

function readHostPorts(chains: readonly FoundChain[]): HostPorts {
  const conditions: Record<Family, readonly string[]> = { 4: [], 6: [] };
  const ports = chains.map(({ family, rules, jumps }) => {
    const translations = rules.flatMap((words) => readTranslation(words, family));
    const mappings = translations.map(({ mapping }) => mapping);
    const mark = rules.find((words) => !["DNAT", "RETURN"].includes(wordAfter(words, "-j") ?? ""));
    const network = mark && cidrAfter(mark, "-s");
    if (jumps[0] !== undefined) conditions[family] = readConditions(jumps[0], mappings);
    const prefix = network === undefined ? {} : { prefixLength: network.prefixLength };
    const targets = translations.slice(0, 1).map(({ target }) => ({ ...target, ...prefix }));
    return { mappings, targets, mark, network };
  });
  const mark = ports[0]?.mark ?? [];
  const target = wordAfter(mark, "-j") ?? "MARK";
  const mask = Number(wordAfter(mark, "--set-xmark")?.split("/")[0] ?? 0);
  return {
    targets: ports.flatMap(({ targets }) => targets),
    mappings: ports.flatMap(({ mappings }) => mappings),
    snat: mark.length > 0,
    masqAll: mark.length > 0 && ports[0]?.network === undefined,
    markBit: mask === 0 ? DEFAULT_MARK_BIT : Math.log2(mask),
    ...(target === "MARK" ? {} : { externalSetMarkChain: target }),
    conditions,
  };
}

/** The record of a chain; none if the chain is not podwire's, or its rules say too little. */
function readRecord(name: string, chains: readonly FoundChain[], firewall: Firewall): FilterRecord[] {
  const [words = []] = chains.flatMap(({ rules, jumps }) => [...rules, ...jumps]);
  const owner = readOwner(words[words.lastIndexOf("--comment") + 1] ?? "");
  if (owner === undefined) return [];
  if (name === masqueradeChain(owner)) {
    const parts = chains.map(readAddresses);
    const addresses = parts.flatMap((part) => part.addresses);
    const exceptions = parts.flatMap((part) => part.exceptions);
    return [{ owner, kind: "interface", backend: "iptables", masquerade: { addresses, exceptions } }];
  }
  if (name === forwardChain(owner)) {
    const addresses = chains.flatMap(({ jumps }) => jumps.flatMap((each) => cidrAfter(each, "-s") ?? []));
    return [{ owner, kind: "firewall", backend: "iptables", addresses, firewall }];
  }
  const hostPorts = name === hostPortChain(owner) ? readHostPorts(chains) : undefined;
  if (hostPorts === undefined || hostPorts.mappings.length === 0) return [];
  return [{ owner, kind: "portmap", backend: "iptables", hostPorts }];
}

/** The records whose projection makes the rules of podwire's chains in the nat tables, as far as rules say what was wanted. */
export function recoverRecords(
  tables: readonly { readonly family: Family; readonly saved: SavedTable }[],
): FilterRecord[] {
  const found = new Map<string, FoundChain[]>();
  for (const { family, saved } of tables) {
    const chains = new Map<string, FoundChain>();
    const chainNamed = (name: string): FoundChain => {
      const chain = chains.get(name) ?? { family, rules: [], jumps: [] };
      chains.set(name, chain);
      return chain;
    };
    for (const rule of saved.rules) {
      const chain = chainOf(rule);
      if (jumping.includes(chain)) chainNamed(jumpOf(rule) ?? "").jumps.push(wordsOf(rule));
      else if (isOwnChain(chain)) chainNamed(chain).rules.push(wordsOf(rule));
    }
    for (const [name, chain] of chains) {
      const known = found.get(name) ?? [];
      // Both variants may have the same chain.
      if (!known.some((each) => each.family === family)) found.set(name, [...known, chain]);
    }
  }
  const firewall = readForward(tables.flatMap(({ saved }) => saved.rules));
  return [...found].flatMap(([name, chains]) => readRecord(name, chains, firewall));
}
