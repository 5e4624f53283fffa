/** Removes chains of the nat table with every jump to them, wherever they are: both families, both packet filters. */
import type { Family } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import type { Environment } from "../masquerade-adaptor.ts";
import { removeChains } from "../nftables/chain-removal.ts";
import { type ChainGroup, legacyRemoval } from "./legacy-removal.ts";
import { readLegacyNat } from "./legacy-variant.ts";
import { nftTable } from "./nat-table.ts";
import { type Purpose, RestoreRefused, requireRestore, runRestore } from "./restore.ts";

const families: readonly Family[] = [4, 6];

/** Removes those of the chains that exist: no process for nf_tables, one run of the tool a family for legacy tables. */
export function removeNatChains(
  host: { readonly connection: NetlinkConnection; readonly environment: Environment },
  groups: readonly ChainGroup[],
  purpose: Purpose,
): void {
  const places = families.flatMap((family) =>
    groups.flatMap(({ bases, chains }) => chains.map((chain) => ({ table: nftTable(family), bases, chain }))),
  );
  removeChains(host.connection, places);
  for (const family of families) removeFromLegacy(host.environment, family, groups, purpose);
}

/** The legacy filter changes only through the tool: one run. */
function removeFromLegacy(
  environment: Environment,
  family: Family,
  groups: readonly ChainGroup[],
  purpose: Purpose,
): void {
  const input = legacyRemoval(readLegacyNat(family) ?? [], groups);
  if (input === undefined) return;
  try {
    runRestore(requireRestore(family, environment, "legacy", purpose), input, purpose);
  } catch (thrown) {
    // Another process may have removed the same in the meantime; if not, it is as wrong as before.
    if (!(thrown instanceof RestoreRefused)) throw thrown;
    if (legacyRemoval(readLegacyNat(family) ?? [], groups) === input) throw thrown;
    removeFromLegacy(environment, family, groups, purpose);
  }
}
