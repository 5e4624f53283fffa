/** Records from the rules that the kernel has: for records that were deleted while containers live. Pure. */
import { readOwner } from "../../cni/alias.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { type Family, isSameIp, parseIp } from "../../ip/address.ts";
import { type Cidr, defaultRoute, hostCidr, parseCidr } from "../../ip/cidr.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type HostPorts,
  type Masquerade,
  type PortMapping,
  transportProtocols,
} from "../record.ts";
import { HOSTPORTS, hostPortChain, isOwnChain, masqueradeChain, POSTROUTING } from "./rules.ts";
import { chainOf, jumpOf, type SavedTable, wordsOf } from "./saved.ts";

const wordAfter = (words: readonly string[], option: string): string | undefined => {
  const at = words.indexOf(option);
  return at < 0 ? undefined : words[at + 1];
};

const cidrOf = (words: readonly string[], option: string): Cidr | undefined =>
  parseCidr(wordAfter(words, option) ?? "");

/** The owner in a rule's last comment: conditions come before it and may have comments. */
function ownerOf(words: readonly string[]): AttachmentKey | undefined {
  return readOwner(words[words.lastIndexOf("--comment") + 1] ?? "");
}

type Rules = readonly (readonly string[])[];

function readMasquerade(rules: Rules, jumps: Rules, family: Family): Masquerade {
  const returns = rules.filter((words) => wordAfter(words, "-j") === "RETURN");
  // iptables-save leaves out a network of all addresses.
  const to = (words: readonly string[]): Cidr => cidrOf(words, "-d") ?? defaultRoute(family);
  const addresses = jumps.flatMap((words) => {
    const address = cidrOf(words, "-s")?.address;
    if (address === undefined) return [];
    const inside = returns.find((each) => {
      const source = cidrOf(each, "-s");
      return source !== undefined && isSameIp(source.address, address);
    });
    return [{ address, prefixLength: (inside === undefined ? hostCidr(address) : to(inside)).prefixLength }];
  });
  return { addresses, exceptions: returns.filter((words) => cidrOf(words, "-s") === undefined).map(to) };
}

interface Translation {
  readonly mapping: PortMapping;
  readonly target: Cidr;
}

const ENDPOINT = /^\[?([^\]]+?)\]?:(\d+)$/;

function readTranslation(words: readonly string[], family: Family): Translation | undefined {
  const [, host = "", port = ""] = ENDPOINT.exec(wordAfter(words, "--to-destination") ?? "") ?? [];
  const address = parseIp(host);
  const protocol = transportProtocols.find((name) => name === wordAfter(words, "-p"));
  if (address === undefined || protocol === undefined) return undefined;
  const hostIp = cidrOf(words, "-d")?.address;
  const hostPort = Number(wordAfter(words, "--dport"));
  const plain = { protocol, family, hostPort, containerPort: Number(port) };
  return { mapping: hostIp === undefined ? plain : { ...plain, hostIp }, target: hostCidr(address) };
}

/** What is left of a jump's words without its chains, its port and the owner's comment. */
function readConditions(jump: readonly string[], mappings: readonly PortMapping[]): string[] {
  const [protocol, port, to] = [wordAfter(jump, "-p"), wordAfter(jump, "--dport"), cidrOf(jump, "-d")];
  const isOfAddress = mappings.some(
    ({ hostIp, ...each }) =>
      each.protocol === protocol &&
      String(each.hostPort) === port &&
      hostIp &&
      to &&
      isSameIp(hostIp, to.address),
  );
  const words = jump.slice(1, jump.lastIndexOf("--comment") - 2);
  const known = [["-p", protocol], ["-m", protocol], ["--dport", port], ...(isOfAddress ? [["-d"]] : [])];
  for (const [option, value] of known) {
    const at = words.findIndex(
      (word, index) => word === option && (value ?? words[index + 1]) === words[index + 1],
    );
    if (at >= 0) words.splice(at, 2);
  }
  return words;
}

function readHostPorts(rules: Rules, jumps: Rules, family: Family): HostPorts | undefined {
  const translations = rules.flatMap((words) => readTranslation(words, family) ?? []);
  const [first] = translations;
  if (first === undefined) return undefined;
  const [mark] = rules.filter((words) => wordAfter(words, "-j") !== "DNAT");
  const target = wordAfter(mark ?? [], "-j") ?? "MARK";
  const mask = Number(wordAfter(mark ?? [], "--set-xmark")?.split("/")[0] ?? 0);
  const network = cidrOf(mark ?? [], "-s");
  const mappings = translations.map(({ mapping }) => mapping);
  const [jump] = jumps;
  return {
    targets: [{ ...first.target, ...(network === undefined ? {} : { prefixLength: network.prefixLength }) }],
    mappings,
    snat: mark !== undefined,
    masqAll: mark !== undefined && network === undefined,
    markBit: mask === 0 ? DEFAULT_MARK_BIT : Math.log2(mask),
    ...(target === "MARK" ? {} : { externalSetMarkChain: target }),
    conditions: { 4: [], 6: [], [family]: jump === undefined ? [] : readConditions(jump, mappings) },
  };
}

/** The record of a chain in one family; undefined if the chain is not podwire's, or says too little. */
function readRecord(chain: string, rules: Rules, jumps: Rules, family: Family): FilterRecord | undefined {
  const owner = ownerOf(rules[0] ?? jumps[0] ?? []);
  if (owner === undefined) return undefined;
  if (chain === masqueradeChain(owner)) {
    const masquerade = readMasquerade(rules, jumps, family);
    return { owner, kind: "interface", backend: "iptables", masquerade };
  }
  const hostPorts = chain === hostPortChain(owner) ? readHostPorts(rules, jumps, family) : undefined;
  return hostPorts === undefined ? undefined : { owner, kind: "portmap", backend: "iptables", hostPorts };
}

/** Joins the records of an attachment's two families. */
function join(one: FilterRecord, other: FilterRecord): FilterRecord {
  if (one.masquerade !== undefined && other.masquerade !== undefined) {
    const addresses = [...one.masquerade.addresses, ...other.masquerade.addresses];
    const exceptions = [...one.masquerade.exceptions, ...other.masquerade.exceptions];
    return { ...one, masquerade: { addresses, exceptions } };
  }
  if (one.hostPorts === undefined || other.hostPorts === undefined) return one;
  const targets = [...one.hostPorts.targets, ...other.hostPorts.targets];
  const mappings = [...one.hostPorts.mappings, ...other.hostPorts.mappings];
  const conditions = { 4: one.hostPorts.conditions[4], 6: other.hostPorts.conditions[6] };
  return { ...one, hostPorts: { ...one.hostPorts, targets, mappings, conditions } };
}

/** The records whose projection makes the rules of podwire's chains in the nat table, as far as rules say what was wanted. */
export function recoverRecords(tables: readonly { readonly family: Family; readonly saved: SavedTable }[]) {
  const records = new Map<string, FilterRecord>();
  for (const { family, saved } of tables) {
    const rules = new Map<string, string[][]>();
    const jumps = new Map<string, string[][]>();
    const add = (map: typeof rules, chain: string, rule: string) => {
      const list = map.get(chain);
      if (list === undefined) map.set(chain, [wordsOf(rule)]);
      else list.push(wordsOf(rule));
    };
    for (const rule of saved.rules) {
      const chain = chainOf(rule);
      if (chain === POSTROUTING || chain === HOSTPORTS) add(jumps, jumpOf(rule) ?? "", rule);
      else if (isOwnChain(chain)) add(rules, chain, rule);
    }
    for (const [chain, jumping] of jumps) {
      const record = readRecord(chain, rules.get(chain) ?? [], jumping, family);
      const known = records.get(chain);
      if (record !== undefined) records.set(chain, known === undefined ? record : join(known, record));
    }
  }
  return [...records.values()];
}
