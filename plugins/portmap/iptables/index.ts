/** The iptables backend: a chain for each attachment, entered from one of sixteen buckets by its host ports. */
import { drift } from "../../../shared/attachment/check.ts";
import { isWhole, networkText } from "../../../shared/cni/attachment.ts";
import { CniError, ErrorCode, runAll } from "../../../shared/cni/error.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import type { Family } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { removeNatChains } from "../../../shared/netfilter/iptables/chain-removal.ts";
import { type Purpose, requireRestore } from "../../../shared/netfilter/iptables/restore.ts";
import { needle } from "../../../shared/netfilter/search.ts";
import type { Forwarding, HeldPort, PortmapAdaptor, PortmapHost } from "../adaptor.ts";
import { checkLocalhost, localhostTarget, routeLocalhost } from "../localhost.ts";
import { forwardFamily, needsOf } from "./apply.ts";
import { isWithoutSetRules, missingFixed } from "./fixed.ts";
import { checkOwn, checkReference, findOwn, isTargetOf, rememberRules } from "./held.ts";
import { bucketChain, bucketChains, bucketOf, OWN_CHAIN, ownChainName, reference } from "./rules.ts";
import { collectFromSets, heldInSets, isInSets, removeFromSets, removeOwnElements } from "./sets.ts";
import { removeUnusedMarks } from "./unused.ts";
import { viewOf, viewsOf } from "./view.ts";

const families: readonly Family[] = [4, 6];

export const hostPorts: Purpose = { name: "host ports", instead: 'set "backend" to "nftables"' };

const usedTargets = ({ targets, mappings }: Forwarding): readonly Cidr[] =>
  targets.filter(({ address }) => mappings.some(({ family }) => family === address.family));

/** iptables-restore takes seconds for so many; it has to end before it is stopped (restore.ts), on a slower machine too. */
const MOST_MAPPINGS = 10_000;

function refuseTooMany({ mappings }: Forwarding): void {
  for (const family of families) {
    const count = mappings.filter((mapping) => mapping.family === family).length;
    if (count <= MOST_MAPPINGS) continue;
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `${count} host ports are asked for (IPv${family}), and iptables takes ${MOST_MAPPINGS} a container at most`,
      'set "backend" to "nftables", which has no such limit, or ask for fewer ports',
    );
  }
}

function prepare({ connection, environment }: PortmapHost, forwarding: Forwarding): void {
  refuseTooMany(forwarding);
  const used = usedTargets(forwarding).map(({ address }) => address.family);
  const { externalSetMarkChain: chain } = forwarding;
  for (const family of used.length === 0 ? [4 as const] : used) {
    const restore = requireRestore(family, environment, undefined, hostPorts);
    if (chain === undefined || used.length === 0) continue;
    if (viewOf(connection, family, restore).present([chain]).length > 0) continue;
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `"externalSetMarkChain" is ${chain}, and the nat table has no such chain (IPv${family})`,
      "whoever marks packets must make it first, such as kube-proxy; or remove the key",
    );
  }
}

function ensure(host: PortmapHost, forwarding: Forwarding): boolean {
  const targets = usedTargets(forwarding);
  const views = new Map(
    targets.map(
      (target) => [target.address.family, forwardFamily(host, forwarding, target, hostPorts)] as const,
    ),
  );
  const local = localhostTarget(forwarding);
  if (local !== undefined) routeLocalhost(local);
  rememberRules(forwarding, views);
  // To bring back the rules of others would take more runs of iptables: their next ADD does it.
  return false;
}

function checkFamily(host: PortmapHost, forwarding: Forwarding, target: Cidr): void {
  const { connection } = host;
  const { family } = target.address;
  const view = findOwn(connection, family, forwarding.owner);
  if (view === undefined) {
    checkReference(connection, forwarding, target);
    return;
  }
  checkOwn(view, forwarding, family);
  const needs = needsOf(forwarding, family);
  const withSets = !isWithoutSetRules(view, needs);
  const missing = missingFixed(view, { ...needs, withSets });
  const advice =
    "somebody changed the packet filter; the next ADD of a host port on this node brings it back";
  if (missing !== undefined) throw drift(`missing in the packet filter: ${missing} (IPv${family})`, advice);
  const mappings = forwarding.mappings.filter((mapping) => mapping.family === family);
  if (withSets && !isInSets(connection, mappings)) {
    throw drift(`a host port is missing in the IP sets (IPv${family})`, "recreate the container");
  }
  if (needs.localhost) checkLocalhost(target.address);
}

function check(host: PortmapHost, forwarding: Forwarding): void {
  runAll(usedTargets(forwarding).map((target) => () => checkFamily(host, forwarding, target)));
}

function remove(host: PortmapHost, owner: AttachmentKey, forwarding: Forwarding | undefined): void {
  const used = forwarding?.mappings.map((mapping) => bucketChain(bucketOf(mapping)));
  const bases = used === undefined ? bucketChains : [...new Set(used)];
  runAll([
    () => {
      if (forwarding === undefined) removeOwnElements(host.connection, owner);
      else removeFromSets(host.connection, forwarding.mappings);
    },
    () => removeNatChains(host, [{ bases, chains: [ownChainName(owner)] }], hostPorts),
  ]);
}

/** Without IP sets no rule tells its port in a way that is the same for all tools, and nothing is found. */
function held({ connection }: PortmapHost): HeldPort[] {
  return heldInSets(connection).map(({ owner, ...port }) => ({
    ...port,
    owner,
    isRemovable: isWhole(owner),
    leadsTo: (address) => isTargetOf(connection, owner, address),
  }));
}

function removeReference(host: PortmapHost, owner: AttachmentKey): void {
  removeNatChains(host, [{ bases: [reference.base], chains: [reference.chainName(owner)] }], hostPorts);
}

/** The chains that rules of `base` lead to, whose comment has `mark` in it. */
function findChains(host: PortmapHost, bases: readonly string[], mark: string, pattern: RegExp): string[] {
  const rules = families.flatMap((family) =>
    viewsOf(host.connection, family).flatMap((view) => bases.flatMap((base) => view.rules("nat", base))),
  );
  return rules.flatMap(({ text }) => (text.includes(needle(mark)) ? (pattern.exec(text) ?? []) : []));
}

function collect(host: PortmapHost, network: string, keep: readonly AttachmentKey[]): void {
  const kept = new Set(keep.flatMap((owner) => [ownChainName(owner), reference.chainName(owner)]));
  const stale = (bases: readonly string[], mark: string, pattern: RegExp) => ({
    bases,
    chains: [...new Set(findChains(host, bases, mark, pattern))].filter((chain) => !kept.has(chain)),
  });
  runAll([
    () => collectFromSets(host.connection, network, keep),
    () => {
      const own = stale(bucketChains, networkText(network), OWN_CHAIN);
      const theirs = stale([reference.base], reference.comment(network), reference.pattern);
      const groups = [own, theirs].filter(({ chains }) => chains.length > 0);
      if (groups.length > 0) removeNatChains(host, groups, hostPorts);
    },
  ]);
}

function collectUnused(host: PortmapHost, used: readonly Forwarding[]): void {
  runAll(families.map((family) => () => removeUnusedMarks(host, family, used, hostPorts)));
}

export const iptablesAdaptor: PortmapAdaptor = {
  prepare,
  ensure,
  check,
  remove,
  held,
  removeReference,
  collect,
  collectUnused,
};
