/** The fixed rules that ask the IP sets: looked for in the kernel, and put in place when something is missing. */

import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import { withNetfilterLock } from "../lock.ts";
import type { Host } from "../masquerade-adaptor.ts";
import { findComplete, findMissing, type NatView, readNat } from "./nat-table.ts";
import { type Restore, RestoreRefused, requireRestore, runRestore } from "./restore.ts";
import { countJumps, heldPaths, masqueradeInput, type NatRules } from "./rules.ts";
import { discardSet, makeAddressSet, networksInSet } from "./sets.ts";

/**
 * Sees to it that the rules for these paths are there. False: this kernel, or this iptables, has no IP sets.
 * Mostly they are, and then this only reads.
 */
export function ensureFixedRules(host: Host, family: Family, paths: readonly string[]): boolean {
  if (isInOrder(readNat(host.connection, family), paths)) return true;
  return withNetfilterLock(() => repair(host, family, paths));
}

function isInOrder(view: NatView, paths: readonly string[]): boolean {
  const rules = findComplete(view, paths);
  return rules !== undefined && countJumps(rules) === 1;
}

function repair(host: Host, family: Family, paths: readonly string[]): boolean {
  const { connection, environment } = host;
  const view = readNat(connection, family);
  // Another process may have done it while this one waited.
  if (isInOrder(view, paths)) return true;
  const restore = requireRestore(family, environment);
  const set = makeAddressSet(connection, family);
  if (set === "unable") return false;
  const input = masqueradeInput(family, allPaths(host, family, view, paths), countJumps(held(view, restore)));
  try {
    runRestore(restore, input);
  } catch (thrown) {
    if (set === "made") discardSet(connection, family);
    // It may not know the match for sets.
    if (thrown instanceof RestoreRefused) return false;
    throw thrown;
  }
  const missing = findMissing(readNat(connection, family), paths);
  if (missing === undefined) return true;
  throw new CniError(
    ErrorCode.internal,
    `${restore.path} reported success, but the kernel has no rule "${missing}"`,
    "another program may be removing rules: look at the nat table with iptables-save",
  );
}

/** The paths of all that is masqueraded, so that rules somebody flushed come back for the other pods too. */
function allPaths(host: Host, family: Family, view: NatView, paths: readonly string[]): string[] {
  const legacy = view.legacy();
  const held = [view.nft, ...(legacy === undefined ? [] : [legacy])].flatMap(heldPaths);
  const single = family === 4 ? "/32" : "/128";
  const inSet = networksInSet(host.connection, family).filter((network) => !network.endsWith(single));
  return [...new Set([...held, ...inSet, ...paths])];
}

/** The rules in the packet filter that the tool changes. */
function held(view: NatView, restore: Restore): NatRules {
  const legacy = view.legacy();
  if (legacy === undefined || restore.variant === "nf_tables") return view.nft;
  // A tool whose name does not tell: where the kernel has the one table, it is the other's.
  const isLegacy = restore.variant === "legacy" || view.nft.base.length === 0;
  return isLegacy ? legacy : view.nft;
}
