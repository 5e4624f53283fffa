/** An owner's rules as the kernel has them: remembered at ADD, compared by CHECK; and those of the reference plugin. */
import { drift } from "../../../shared/attachment/check.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { type Family, type IpAddress, toBytes } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { searchable } from "../../../shared/netfilter/search.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import { sha512 } from "../../../shared/system/hash.ts";
import type { Forwarding, Mapping } from "../adaptor.ts";
import { keepRules, keptRules } from "../registry.ts";
import { bucketChain, bucketOf, ownChainName, reference } from "./rules.ts";
import { type TableView, type ViewedRule, viewsOf } from "./view.ts";

const CHANGED = "somebody changed the packet filter: recreate the container";

/** The owner's rules in one text: its chain, then the jumps to it. */
function ownText(view: TableView, { owner, mappings }: Forwarding, family: Family): string {
  const chain = ownChainName(owner);
  const used = new Set(mappings.filter((each) => each.family === family).map(bucketOf));
  const jumps = [...used].flatMap((bucket) =>
    view.rules("nat", bucketChain(bucket)).filter((rule) => rule.jumpsTo(chain)),
  );
  return [...view.rules("nat", chain), ...jumps].map(({ text }) => text).join("\n");
}

const lineOf = (family: Family, view: TableView, forwarding: Forwarding) =>
  `${family} ${view.variant} ${sha512(ownText(view, forwarding, family))}`;

/**
 * Remembers how the kernel has the rules. Tools differ, by version too, in what they make of the same input, so what
 * is there right after it was made is what is right.
 */
export function rememberRules(forwarding: Forwarding, views: ReadonlyMap<Family, TableView>): void {
  const lines = [...views].map(([family, view]) => lineOf(family, view, forwarding));
  keepRules(forwarding.owner, lines.join("\n"));
}

/** The view in which the owner has its chain. */
export function findOwn(
  connection: NetlinkConnection,
  family: Family,
  owner: AttachmentKey,
): TableView | undefined {
  const chain = ownChainName(owner);
  return viewsOf(connection, family).find((view) => view.present([chain]).length > 0);
}

/** Whether a rule of the owner's chain names the address. */
export function isTargetOf(connection: NetlinkConnection, owner: AttachmentKey, address: IpAddress): boolean {
  const chain = ownChainName(owner);
  const bytes = bytesText(toBytes(address));
  return viewsOf(connection, address.family).some((view) =>
    view.rules("nat", chain).some(({ text }) => text.includes(bytes)),
  );
}

/** Throws unless the owner's rules are as they were remembered. */
export function checkOwn(view: TableView, forwarding: Forwarding, family: Family): void {
  const kept = keptRules(forwarding.owner)?.split("\n");
  if (kept?.includes(lineOf(family, view, forwarding)) === true) return;
  const where = `of the chain ${ownChainName(forwarding.owner)} or the jumps to it`;
  throw drift(`rules ${where} are missing or changed (IPv${family})`, CHANGED);
}

const bytesText = (bytes: Uint8Array) => searchable(bytes);

/** Whether a rule translates to this place. The bytes are those of struct nf_nat_range2, or of a native expression. */
function translatesTo({ text }: ViewedRule, { containerPort }: Mapping, target: Cidr): boolean {
  const port = bytesText(new Uint8Array([containerPort >> 8, containerPort & 0xff]));
  return text.includes(bytesText(toBytes(target.address))) && text.includes(port) && /DNAT|nat/.test(text);
}

/** Whether it matches the port, in either byte order: native expressions have the network's, xt_tcp the machine's. */
function matchesPort({ text }: ViewedRule, { hostPort }: Mapping): boolean {
  const [high, low] = [hostPort >> 8, hostPort & 0xff];
  return (
    text.includes(bytesText(new Uint8Array([high, low]))) ||
    text.includes(bytesText(new Uint8Array([low, high])))
  );
}

/** Throws unless the reference plugin has made the mappings of this container, and they are still in place. */
export function checkReference(connection: NetlinkConnection, forwarding: Forwarding, target: Cidr): void {
  const { family } = target.address;
  const chain = reference.chainName(forwarding.owner);
  const view = viewsOf(connection, family).find((each) => each.present([chain]).length > 0);
  if (view === undefined) {
    const own = ownChainName(forwarding.owner);
    throw drift(`the chain ${own} is missing in the nat table (IPv${family})`, CHANGED);
  }
  const rules = view.rules("nat", chain);
  for (const mapping of forwarding.mappings.filter((each) => each.family === family)) {
    if (rules.some((rule) => translatesTo(rule, mapping, target) && matchesPort(rule, mapping))) continue;
    throw drift(`the chain ${chain} has no rule for the host port ${mapping.hostPort}`, CHANGED);
  }
  const entries = ["PREROUTING", "OUTPUT"].map((name) => [name, reference.base] as const);
  for (const [from, to] of [[reference.base, chain] as const, ...entries]) {
    if (view.rules("nat", from).some((rule) => rule.jumpsTo(to))) continue;
    throw drift(`nothing leads from the chain ${from} to ${to} (IPv${family})`, CHANGED);
  }
}
