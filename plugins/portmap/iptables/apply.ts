/** Putting an attachment's rules of one family in place: one run of iptables-restore. */
import { CniError, ErrorCode, quote } from "../../../shared/cni/error.ts";
import type { Family } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { jumpRemovals } from "../../../shared/netfilter/iptables/legacy-removal.ts";
import { nftTable } from "../../../shared/netfilter/iptables/nat-table.ts";
import {
  type Purpose,
  type Restore,
  RestoreRefused,
  requireRestore,
  runRestore,
} from "../../../shared/netfilter/iptables/restore.ts";
import { withNetfilterLock } from "../../../shared/netfilter/lock.ts";
import { removeChains } from "../../../shared/netfilter/nftables/chain-removal.ts";
import { discardSets } from "../../../shared/netfilter/sets.ts";
import type { Forwarding, PortmapHost } from "../adaptor.ts";
import { localhostTarget } from "../localhost.ts";
import { isWithoutSetRules, missingFixed, repairOf } from "./fixed.ts";
import { bucketChains, type FixedNeeds, ownChainName, ownLines, restoreInput } from "./rules.ts";
import { addToSets, makeSets, removeOwnElements } from "./sets.ts";
import { type TableView, viewOf } from "./view.ts";

/** What the forwarding needs of the shared rules. */
export function needsOf(forwarding: Forwarding, family: Family): FixedNeeds {
  const { snat, markBit, externalSetMarkChain } = forwarding;
  return {
    family,
    withSets: true,
    ...(snat && externalSetMarkChain === undefined ? { markBit } : {}),
    localhost: localhostTarget(forwarding)?.family === family,
  };
}

interface Work {
  readonly host: PortmapHost;
  readonly forwarding: Forwarding;
  readonly target: Cidr;
  readonly restore: Restore;
  readonly purpose: Purpose;
  readonly needs: FixedNeeds;
}

/** Forwards the family's mappings to the target. Returns the rules as they are then. */
export function forwardFamily(
  host: PortmapHost,
  forwarding: Forwarding,
  target: Cidr,
  purpose: Purpose,
): TableView {
  const { family } = target.address;
  const { connection, environment } = host;
  const restore = requireRestore(family, environment, undefined, purpose);
  const needs = needsOf(forwarding, family);
  const work: Work = { host, forwarding, target, restore, purpose, needs };
  const view = viewOf(connection, family, restore);
  const isFresh = view.present([ownChainName(forwarding.owner)]).length === 0;
  // Mostly only the attachment's own rules are to be added, and nobody has to wait for anybody.
  const withSets = isFresh ? wayInPlace(view, needs) : undefined;
  try {
    if (withSets === undefined) withNetfilterLock(() => repairAndAdd(work));
    else run(work, view, withSets, []);
  } catch (thrown) {
    throw thrown instanceof RestoreRefused ? blameConditions(thrown, forwarding, family) : thrown;
  }
  const after = viewOf(connection, family, restore);
  const missing = missingFixed(after, { ...needs, withSets: !isWithoutSetRules(after, needs) });
  if (missing === undefined) return after;
  throw new CniError(
    ErrorCode.internal,
    `${restore.path} reported success, but the kernel does not have ${missing}`,
    "another program may be removing rules: look at the nat table with iptables-save",
  );
}

/** The conditions are the one part of the rules that is not made here: what the tool refuses is most likely theirs. */
function blameConditions(refused: RestoreRefused, { conditions }: Forwarding, family: Family): CniError {
  if (conditions[family].length === 0) return refused;
  return new CniError(
    ErrorCode.invalidConfiguration,
    `"conditionsV${family}" makes no rule: ${quote(conditions[family].join(" "))}; ${refused.message}`,
    `give matches as iptables takes them, and nothing else; ${refused.details}`,
    refused,
  );
}

/** Whether the shared rules are whole with sets, or whole without; undefined if they are neither. */
function wayInPlace(view: TableView, needs: FixedNeeds): boolean | undefined {
  return [true, false].find((withSets) => missingFixed(view, { ...needs, withSets }) === undefined);
}

function repairAndAdd(work: Work): void {
  const { host, forwarding, target, restore, needs } = work;
  const { connection } = host;
  const { family } = target.address;
  const chain = ownChainName(forwarding.owner);
  const view = viewOf(connection, family, restore);
  const leftover = view.present([chain]).length > 0;
  if (leftover) {
    removeOwnElements(connection, forwarding.owner, [family]);
    removeChains(connection, [{ table: nftTable(family), bases: bucketChains, chain }]);
  }
  // The legacy tables change only through the tool: in the same run.
  const clearing = leftover ? jumpRemovals(view.legacy, [{ bases: bucketChains, chains: [chain] }]) : [];
  if (wayInPlace(view, needs) === false) {
    run(work, view, false, clearing);
    return;
  }
  const made = makeSets(connection, family);
  if (made === undefined) {
    run(work, view, false, clearing);
    return;
  }
  try {
    run(work, view, true, clearing);
  } catch (thrown) {
    discardSets(connection, made);
    // Made for the first time: this iptables may not know the match for sets.
    if (!(thrown instanceof RestoreRefused) || made.length === 0) throw thrown;
    run(work, view, false, clearing);
  }
}

function run(work: Work, view: TableView, withSets: boolean, clearing: readonly string[]): void {
  const { host, forwarding, target, restore, purpose, needs } = work;
  const repair = repairOf(view, { ...needs, withSets });
  const nat = [...clearing, ...repair.nat, ...ownLines(forwarding, target)];
  runRestore(restore, restoreInput(nat, repair.raw), purpose);
  // Last: from here on traffic takes this way.
  const mappings = forwarding.mappings.filter(({ family }) => family === target.address.family);
  if (withSets) addToSets(host.connection, forwarding.owner, mappings);
}
