/** CHECK of an attachment that the reference plugins made: whether what they have fits a record. */
import { drift, RECREATE } from "../../attachment/check.ts";
import { type Family, formatIp, type IpAddress, toBytes } from "../../ip/address.ts";
import { formatCidr, hostCidr } from "../../ip/cidr.ts";
import { NetfilterFamily } from "../../netlink/netfilter.ts";
import { rulesOf } from "../../nftables/query.ts";
import { presentChains } from "../../nftables/remove-chains.ts";
import { bytesText } from "../../system/text.ts";
import { legacyNat, type NatContext, nftChains, nftTable } from "../iptables/nat-chains.ts";
import { findRestore, runSave } from "../iptables/restore.ts";
import { chainOf, type SavedTable } from "../iptables/saved.ts";
import { describePort, type FilterRecord, type HostPorts, type PortMapping, targetOf } from "../record.ts";
import { checkForwardReference } from "./forward.ts";
import { type NatKind, natChains, ownerPart, type RuleTable, ruleTables, spoofChains } from "./names.ts";

/** A rule that must exist: the chains that may have it, and texts that it has in it. */
interface Need {
  readonly chains: readonly string[];
  readonly texts: readonly string[];
  /** Completes "the reference plugin's rule for". */
  readonly what: string;
}

/** What a record needs of one family: as iptables-save has it, and as bytes of nftables messages. */
interface Needs {
  readonly kind: NatKind;
  readonly family: Family;
  readonly inIptables: readonly Need[];
  readonly inNftables: readonly Need[];
}

const port = (number: number): string => bytesText(new Uint8Array([number >> 8, number & 0xff]));

function masqueradeNeeds({ owner, masquerade }: FilterRecord, family: Family): Needs[] {
  const { base, nameOf } = natChains.interface;
  const addresses = (masquerade?.addresses ?? []).filter(({ address }) => address.family === family);
  if (addresses.length === 0) return [];
  const name = nameOf(owner);
  const needs = (of: (address: (typeof addresses)[number]) => Omit<Need, "what">) =>
    addresses.map((each) => ({ ...of(each), what: `masquerade of ${formatIp(each.address)}` }));
  const inIptables = [
    ...needs(({ address }) => ({
      chains: [base],
      texts: [`-s ${formatCidr(hostCidr(address))} `, ` -j ${name} `],
    })),
    { chains: [name], texts: [" -j MASQUERADE "], what: "masquerade" },
  ];
  const inNftables = [
    { chains: ["postrouting"], texts: ["\0masq_checks\0"], what: "masquerade" },
    ...needs(({ address }) => ({ chains: ["masq_checks"], texts: [bytesText(toBytes(address))] })),
  ];
  return [{ kind: "interface", family, inIptables, inNftables }];
}

function portNeeds({ owner, hostPorts }: FilterRecord, family: Family): Needs[] {
  const { base, nameOf } = natChains.portmap;
  const mappings = (hostPorts?.mappings ?? []).filter((mapping) => mapping.family === family);
  if (hostPorts === undefined || mappings.length === 0) return [];
  const name = nameOf(owner);
  const entries = [
    ["PREROUTING", base],
    ["OUTPUT", base],
    [base, name],
  ] as const;
  const inIptables = [
    ...entries.map(([chain, to]) => ({
      chains: [chain],
      texts: [` -j ${to} `],
      what: `the way from ${chain} to ${to}`,
    })),
    ...mappings.map((mapping) => portNeed(hostPorts, mapping, name)),
  ];
  return [{ kind: "portmap", family, inIptables, inNftables: portNeedsInNftables(hostPorts, mappings) }];
}

const bytesOf = (address: IpAddress | undefined): string =>
  address === undefined ? "" : bytesText(toBytes(address));

function portNeedsInNftables(hostPorts: HostPorts, mappings: readonly PortMapping[]): Need[] {
  // In newer versions the jump leads there by way of hostports_all.
  const entries = ["prerouting", "output"].map((chain) => ({
    chains: [chain],
    texts: ["\0hostports"],
    what: `the way from ${chain} to hostports`,
  }));
  const targets = new Map(mappings.map((mapping) => [targetOf(hostPorts, mapping)?.address, undefined]));
  const masquerades = [...targets.keys()].map((address) => ({
    chains: ["masquerading"],
    texts: [bytesOf(address)],
    what: "masquerade of host ports",
  }));
  const ports = mappings.map((mapping) => ({
    // Older versions have the ports of one address in a chain of their own.
    chains: mapping.hostIp === undefined ? ["hostports"] : ["hostports", "hostip_hostports"],
    texts: [
      bytesOf(mapping.hostIp),
      bytesOf(targetOf(hostPorts, mapping)?.address),
      port(mapping.hostPort),
      port(mapping.containerPort),
    ],
    what: describePort(mapping),
  }));
  return [...entries, ...(hostPorts.snat ? masquerades : []), ...ports];
}

function portNeed(ports: HostPorts, mapping: PortMapping, chain: string): Need {
  const { protocol, hostPort, containerPort, family } = mapping;
  const target = targetOf(ports, mapping)?.address;
  const host = target === undefined ? "" : formatIp(target);
  const to = `${family === 4 ? host : `[${host}]`}:${containerPort}`;
  const texts = [` -p ${protocol} `, ` --dport ${hostPort} `, ` --to-destination ${to} `];
  return { chains: [chain], texts, what: describePort(mapping) };
}

/** The first need that no rule meets. */
function unmet(needs: readonly Need[], rulesIn: (chain: string) => readonly string[]): Need | undefined {
  const known = new Map(needs.flatMap(({ chains }) => chains.map((chain) => [chain, rulesIn(chain)])));
  const isMet = ({ chains, texts }: Need) =>
    chains.some((chain) => known.get(chain)?.some((rule) => texts.every((text) => rule.includes(text))));
  return needs.find((need) => !isMet(need));
}

/** The nat tables, of either variant, that have the chain. Starts iptables-save only if one may. */
function tablesWith(context: NatContext, kind: NatKind, family: Family, chain: string): SavedTable[] {
  const { purpose } = natChains[kind];
  const isInNft = nftChains(context, family, [chain]).length > 0;
  const tool = isInNft ? findRestore(family, context.environment, "nf_tables") : undefined;
  const nft = tool === undefined ? undefined : runSave(tool, "nat", purpose);
  return [nft, legacyNat(context, family, purpose)].filter(
    (saved) => saved?.chains.has(chain) === true,
  ) as SavedTable[];
}

/** The unmet need of each backend of the reference that has something for the owner; undefined in the list: none is unmet. */
function findings(context: NatContext, { owner }: FilterRecord, needs: Needs): (Need | undefined)[] {
  const { kind, family } = needs;
  const saved = tablesWith(context, kind, family, natChains[kind].nameOf(owner)).map(({ rules }) =>
    unmet(needs.inIptables, (chain) =>
      rules.filter((rule) => chainOf(rule) === chain).map((rule) => `${rule} `),
    ),
  );
  const tables = ruleTables[kind].filter(({ table }) =>
    [nftTable(family).family, NetfilterFamily.inet].includes(table.family),
  );
  return [...saved, ...tables.flatMap((each) => nftFinding(context, owner, needs, each))];
}

function nftFinding(
  { connection }: NatContext,
  owner: FilterRecord["owner"],
  needs: Needs,
  { table, commentOf }: RuleTable,
) {
  const rules = rulesOf(connection, table);
  const own = rules.filter(({ comment }) => ownerPart(comment) === commentOf(owner));
  if (own.length === 0) return [];
  const shared = rules.filter(({ comment }) => comment === "");
  const texts = (chain: string) =>
    [...own, ...shared].filter((rule) => rule.chain === chain).map(({ body }) => bytesText(body));
  return [unmet(needs.inNftables, texts)];
}

/**
 * Whether the reference plugins made what the record wants, and it is in place. False if they have nothing for this owner. Throws
 * CniError (999) if what they have is not all that the record wants.
 */
export function checkReference(context: NatContext, record: FilterRecord): boolean {
  if (record.kind === "firewall") return checkForwardReference(context, record);
  const parts = ([4, 6] as const).flatMap((family) => [
    ...masqueradeNeeds(record, family),
    ...portNeeds(record, family),
  ]);
  const found = parts.map((part) => ({ part, unmetNeeds: findings(context, record, part) }));
  const missing = found.flatMap(({ part: { inIptables, family }, unmetNeeds }) => {
    const need = unmetNeeds.length === 0 ? inIptables.at(-1) : unmetNeeds[0];
    return unmetNeeds.includes(undefined) || need === undefined ? [] : [`${need.what} (IPv${family})`];
  });
  const chains = record.spoofCheck === undefined ? [] : spoofChains(record.owner);
  const spoof = presentChains(context.connection, chains).length;
  if (found.every(({ unmetNeeds }) => unmetNeeds.length === 0) && spoof === 0) return false;
  if (spoof < chains.length) missing.push("the spoof check");
  if (missing.length === 0) return true;
  throw drift(`a rule of the reference plugin is missing: for ${missing.join(", ")}`, RECREATE);
}
