/**
 * conditionsV4 and conditionsV6 in nft's language, compiled here, as no nft is run: comparisons of addresses and of the
 * incoming interface. Pure.
 */
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import { type Family, parseIp } from "../ip/address.ts";
import { type Cidr, hostCidr, networkOf, parseCidr } from "../ip/cidr.ts";
import { Comparison, compare, type Expression, loadMeta, Meta, registerAt } from "../nftables/expression.ts";
import { matchPrefix } from "../nftables/match.ts";
import { interfaceKey } from "../nftables/set.ts";

/** One way to meet a part of the conditions. */
type Alternative = readonly Expression[];

/** All that a rule may consist of, less what stands around its matches: NFT_RULE_MAXEXPRS in nf_tables_api.c is 128. */
const MOST_EXPRESSIONS = 120;
/** Each is a rule, or two; an ADD that checks the rules reads them all. */
const MOST_ALTERNATIVES = 1000;

const ends = { saddr: "source", daddr: "destination" } as const;

class Reader {
  private readonly words: readonly string[];
  private at = 0;
  private readonly family: Family;

  constructor(family: Family, conditions: readonly string[]) {
    this.family = family;
    this.words = conditions.join(" ").match(/"[^"]*"|[{},]|[^\s{},"]+/g) ?? [];
  }

  get isAtEnd(): boolean {
    return this.at >= this.words.length;
  }

  next(): string {
    return this.words[this.at++] ?? "";
  }

  skip(word: string): boolean {
    if (this.words[this.at] !== word) return false;
    this.at++;
    return true;
  }

  /** Throws about the conditions as a whole. */
  refuse(what: string): never {
    this.fail(
      `${what}: ${quote(this.words.join(" "))}`,
      `the nftables backend knows "${this.family === 4 ? "ip" : "ip6"} saddr|daddr [!=] ADDRESS|NETWORK|{ ..., ... }" and "iifname [!=] NAME", one after the other; for more set "backend" to "iptables"`,
    );
  }

  /** Throws about the size of what the conditions become. */
  refuseSize(what: string): never {
    this.fail(what, "write fewer and larger networks; an IP set serves many of them with iptables");
  }

  private fail(problem: string, advice: string): never {
    throw new CniError(ErrorCode.invalidConfiguration, `"conditionsV${this.family}" ${problem}`, advice);
  }
}

function readNetwork(reader: Reader, family: Family): Cidr {
  const text = reader.next();
  const address = parseIp(text);
  const cidr = address === undefined ? parseCidr(text) : hostCidr(address);
  if (cidr?.address.family !== family || cidr.prefixLength === 0)
    return reader.refuse(`names no IPv${family} address or network`);
  return networkOf(cidr);
}

function readNetworks(reader: Reader, family: Family): Cidr[] {
  if (!reader.skip("{")) return [readNetwork(reader, family)];
  const networks = [readNetwork(reader, family)];
  while (reader.skip(",")) networks.push(readNetwork(reader, family));
  if (!reader.skip("}")) return reader.refuse("has a list that does not end");
  return networks;
}

function isNegated(reader: Reader): boolean {
  if (reader.skip("!=")) return true;
  reader.skip("==");
  return false;
}

function readAddressMatch(reader: Reader, family: Family): Alternative[] {
  const end = ends[reader.next() as keyof typeof ends];
  if (end === undefined) return reader.refuse("has an address that is neither saddr nor daddr");
  const negated = isNegated(reader);
  const networks = readNetworks(reader, family);
  if (!negated) return networks.map((network) => matchPrefix(end, network));
  // Not in any of them: all comparisons stand in one rule.
  return [networks.flatMap((network) => matchPrefix(end, network, Comparison.notEqual))];
}

function readInterfaceMatch(reader: Reader): Alternative[] {
  const comparison = isNegated(reader) ? Comparison.notEqual : Comparison.equal;
  const name = reader.next().replaceAll('"', "");
  if (!/^[^/:{},*\s]{1,15}$/.test(name)) return reader.refuse("has no name of an interface behind iifname");
  return [[loadMeta(Meta.iifname, registerAt(0)), compare(registerAt(0), comparison, interfaceKey(name))]];
}

function readMatch(reader: Reader, family: Family): Alternative[] {
  const word = reader.next();
  if (word === (family === 4 ? "ip" : "ip6")) return readAddressMatch(reader, family);
  if (word === "iifname") return readInterfaceMatch(reader);
  return reader.refuse(`is not understood from ${quote(word)} on`);
}

/**
 * Compiles the conditions into rules' matches: a packet meets them if it matches one of the alternatives. Without
 * conditions that is one that matches everything. Throws code 7.
 */
export function compileConditions(family: Family, conditions: readonly string[]): Alternative[] {
  const reader = new Reader(family, conditions);
  let alternatives: Alternative[] = [[]];
  while (!reader.isAtEnd) {
    const matches = readMatch(reader, family);
    const count = alternatives.length * matches.length;
    if (count > MOST_ALTERNATIVES)
      reader.refuseSize(`makes ${count} rules, and ${MOST_ALTERNATIVES} is the most`);
    alternatives = alternatives.flatMap((start) => matches.map((match) => [...start, ...match]));
  }
  if (alternatives.some(({ length }) => length > MOST_EXPRESSIONS))
    reader.refuseSize("has more networks behind != than the kernel takes in one rule");
  return alternatives;
}
