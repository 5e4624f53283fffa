/**
 * The iptables rules of host ports, as text. Pure.
 *
 * What is the same for all attachments stays: a jump for traffic to local addresses, a chain that sends it on into
 * one of sixteen buckets, by its port, and a rule that masquerades what is marked. An attachment has a chain of its
 * own, and a jump to it in its port's bucket for each mapping. With IP sets a bucket is entered only by traffic to a
 * port that is in use there, so that a connection passes the jumps of one bucket, and all else passes none.
 */
import { ownerHash, ownerText } from "../../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { type Family, formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, networkOf } from "../../../shared/ip/cidr.ts";
import { commented, quoteWord } from "../../../shared/netfilter/iptables/rules.ts";
import { sha512 } from "../../../shared/system/hash.ts";
import type { Forwarding, Mapping } from "../adaptor.ts";
import { loopback4 } from "../localhost.ts";

export const HOSTPORTS_CHAIN = "PODWIRE-HOSTPORTS";
const BUCKETS = 16;

/** The bucket of a mapping: ports that follow each other are spread. All mappings of a port share one. */
export const bucketOf = ({ hostPort }: Pick<Mapping, "hostPort">): number => hostPort % BUCKETS;
export const bucketChain = (bucket: number): string => `PODWIRE-HP-${bucket}`;
export const buckets: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
export const bucketChains: readonly string[] = buckets.map(bucketChain);

/** The set of all ports in use, and that of a bucket's. */
export const portSet = (family: Family): string => `podwire-hp${family}`;
export const bucketSet = (family: Family, bucket: number): string => `podwire-hp${family}-${bucket}`;

/** A chain's name has at most 28 characters. */
export function ownChainName(owner: AttachmentKey): string {
  return `PODWIRE-DN-${ownerHash(owner).slice(0, 17)}`;
}

export const OWN_CHAIN = /PODWIRE-DN-[0-9a-f]{17}/;

/** What the reference plugin makes: a chain for all interfaces of a container on a network, and where it is entered. */
export const reference = {
  base: "CNI-HOSTPORT-DNAT",
  pattern: /CNI-DN-[0-9a-f]{21}/,
  chainName: ({ network, containerId }: AttachmentKey): string =>
    `CNI-DN-${sha512(network + containerId).slice(0, 21)}`,
  comment: (network: string): string => `dnat name: "${network}" id: "`,
} as const;

/** A rule that is there once for all attachments; its comment is what it is found by. */
export interface FixedRule {
  readonly table: "nat" | "raw";
  readonly chain: string;
  readonly comment: string;
  /** The input line that puts it in place. */
  readonly line: string;
}

export interface FixedNeeds {
  readonly family: Family;
  readonly withSets: boolean;
  /** Absent: nothing is marked by us. */
  readonly markBit?: number;
  /** Whether ports are reached by 127.0.0.1 too. */
  readonly localhost: boolean;
}

const maskOf = (bit: number): string => `0x${(2 ** bit).toString(16)}`;

function fixedRule(
  table: FixedRule["table"],
  verb: "-A" | "-I",
  chain: string,
  match: string,
  comment: string,
  action: string,
): FixedRule {
  const words = [verb, chain, match, commented(comment), action].filter((word) => word !== "");
  return { table, chain, comment, line: words.join(" ") };
}

/** The rules in chains that are not ours. */
export function sharedRules({ family, withSets, markBit, localhost }: FixedNeeds): FixedRule[] {
  const isUsed = withSets ? `-m set --match-set ${portSet(family)} dst,dst ` : "";
  // Last in line, and for local addresses only: whatever else has its address here, such as a service, comes first.
  const entries = ["PREROUTING", "OUTPUT"].map((chain) =>
    fixedRule(
      "nat",
      "-A",
      chain,
      `${isUsed}-m addrtype --dst-type LOCAL`,
      `podwire: host ports${withSets ? "" : ", without sets"}`,
      `-j ${HOSTPORTS_CHAIN}`,
    ),
  );
  return [
    ...entries,
    ...(markBit === undefined ? [] : [masqueradeRule(markBit)]),
    ...(localhost ? [localhostRule] : []),
  ];
}

/** What the comment of a rule that masquerades says, and its bit. */
export const MASQUERADE = /podwire: mark bit (\d+) is masquerade for host ports/;

/** The line that takes such a rule out again. */
export function masqueradeRemoval(bit: number): string {
  return masqueradeRule(bit).line.replace(/^-I/, "-D");
}

/** First in line: rules that exempt a network from masquerade would exempt a container that calls itself. */
function masqueradeRule(bit: number): FixedRule {
  const mask = maskOf(bit);
  // The trailing words keep bit 1 from being found in bit 13.
  const comment = `podwire: mark bit ${bit} is masquerade for host ports`;
  const action = "-j MASQUERADE --random-fully";
  return fixedRule("nat", "-I", "POSTROUTING", `-m mark --mark ${mask}/${mask}`, comment, action);
}

/** Where route_localnet is on, the kernel lets neighbours' packets to 127.0.0.1 in (CVE-2020-8558). */
const localhostRule: FixedRule = fixedRule(
  "raw",
  "-I",
  "PREROUTING",
  "-d 127.0.0.0/8 ! -i lo",
  "podwire: nobody reaches 127.0.0.0/8 from another machine",
  "-j DROP",
);

/** The rules of HOSTPORTS_CHAIN: the way into the buckets. */
export function bucketRules({ family, withSets }: Pick<FixedNeeds, "family" | "withSets">): FixedRule[] {
  return buckets.map((bucket) =>
    fixedRule(
      "nat",
      "-A",
      HOSTPORTS_CHAIN,
      withSets ? `-m set --match-set ${bucketSet(family, bucket)} dst,dst` : "",
      `podwire: host ports ${bucket} of ${BUCKETS}${withSets ? "" : " without sets"}`,
      `-j ${bucketChain(bucket)}`,
    ),
  );
}

function endpoint(address: IpAddress, port: number): string {
  return address.family === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}

function matchPort({ protocol, hostIp, hostPort }: Mapping): string {
  const destination = hostIp === undefined ? "" : `-d ${formatIp(hostIp)} `;
  return `${destination}-p ${protocol} --dport ${hostPort}`;
}

/** What gets the node's address, or its answers would not come back this way. */
function markedSources({ snat, masqAll }: Forwarding, target: Cidr): string[] {
  if (!snat) return [];
  if (masqAll) return [""];
  const own = `-s ${formatCidr(networkOf(target))} `;
  return target.address.family === 4 ? [own, `-s ${formatCidr(loopback4)} `] : [own];
}

/** The lines that make the owner's chain and the jumps to it; neither may be there before. */
export function ownLines(forwarding: Forwarding, target: Cidr): string[] {
  const { owner, markBit, externalSetMarkChain, conditions } = forwarding;
  const { family } = target.address;
  const chain = ownChainName(owner);
  const note = commented(ownerText(owner));
  const mask = maskOf(markBit);
  const mark = externalSetMarkChain ?? `MARK --set-xmark ${mask}/${mask}`;
  const mappings = forwarding.mappings.filter((mapping) => mapping.family === family);
  const extra = conditions[family].map((word) => `${quoteWord(word)} `).join("");
  return [
    `:${chain} - [0:0]`,
    ...markedSources(forwarding, target).map((source) => `-A ${chain} ${source}${note} -j ${mark}`),
    ...mappings.map(
      (mapping) =>
        `-A ${chain} ${matchPort(mapping)} ${note} -j DNAT --to-destination ${endpoint(target.address, mapping.containerPort)}`,
    ),
    // A mapping of one address comes before those of all addresses.
    ...mappings.map(
      (mapping) =>
        `${mapping.hostIp === undefined ? "-A" : "-I"} ${bucketChain(bucketOf(mapping))} ${matchPort(mapping)} ${extra}${note} -j ${chain}`,
    ),
  ];
}

/** The whole input of iptables-restore --noflush. */
export function restoreInput(nat: readonly string[], raw: readonly string[]): string {
  const tables = [["*nat", ...nat, "COMMIT"], ...(raw.length === 0 ? [] : [["*raw", ...raw, "COMMIT"]])];
  return `${tables.flat().join("\n")}\n`;
}
