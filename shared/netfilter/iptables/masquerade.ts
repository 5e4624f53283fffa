/** Masquerade by iptables: fixed rules that ask IP sets, or a chain per attachment where the kernel has no sets. */
import { ownerText } from "../../cni/attachment.ts";
import { CniError, ErrorCode, runAll } from "../../cni/error.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { type Family, formatIp, type IpAddress, isSameIp } from "../../ip/address.ts";
import { type Cidr, isSingle } from "../../ip/cidr.ts";
import { withNetfilter } from "../host.ts";
import type {
  Collection,
  Environment,
  Host,
  MasqueradeAdaptor,
  Masqueraded,
  Removal,
} from "../masquerade-adaptor.ts";
import {
  collectChains,
  isOwnChainInPlace,
  ownChainName,
  referenceChainName,
  removeMasqueradeChains,
} from "./chains.ts";
import { ensureFixedRules } from "./fixed-rules.ts";
import { findMissing, readNat } from "./nat-table.ts";
import { isRestoreInstalled, requireRestore, runRestore } from "./restore.ts";
import { ownChainInput, pathsOf } from "./rules.ts";
import { addToSet, collectFromSets, forgetInSets, ownElements, removeFromSets } from "./sets.ts";

const families: readonly Family[] = [4, 6];

function ofFamily(addresses: readonly Cidr[], family: Family): Cidr[] {
  return addresses.filter((cidr) => cidr.address.family === family);
}

function prepare(environment: Environment): void {
  if (isRestoreInstalled(4, environment)) return;
  // No tool, but perhaps no need for one.
  const missing = withNetfilter((connection) => findMissing(readNat(connection, 4), []));
  if (missing !== undefined) requireRestore(4, environment);
}

function ensure(host: Host, masqueraded: Masqueraded): void {
  const { owner, addresses } = masqueraded;
  const inSets = host.withoutSets
    ? []
    : families.filter((family) => prepareFamily(host, family, masqueraded));
  const chained = addresses.filter((cidr) => !inSets.includes(cidr.address.family));
  if (chained.length > 0) ensureOwnChains(host, { ...masqueraded, addresses: chained });
  // Last: from here on packets are changed.
  const elements = addresses.filter((cidr) => inSets.includes(cidr.address.family));
  if (elements.length > 0) addToSet(host.connection, owner, elements);
}

/**
 * Whether the family's addresses, if there are any, can go into its set. Exceptions are fixed rules about a network:
 * an address that is in none has them in a chain of its own.
 */
function prepareFamily(host: Host, family: Family, { addresses, exceptions }: Masqueraded): boolean {
  const own = ofFamily(addresses, family);
  const excepted = ofFamily(exceptions, family);
  if (own.length === 0 || (excepted.length > 0 && own.some(isSingle))) return false;
  return ensureFixedRules(host, family, pathsOf(own, excepted));
}

/** The fallback: see ownChainInput. */
function ensureOwnChains(host: Host, { owner, addresses, exceptions }: Masqueraded): void {
  const chain = ownChainName(owner);
  removeMasqueradeChains(host, [chain]);
  for (const family of families) {
    const own = ofFamily(addresses, family);
    if (own.length === 0) continue;
    const input = ownChainInput(family, chain, ownerText(owner), own, ofFamily(exceptions, family));
    runRestore(requireRestore(family, host.environment), input);
  }
}

function check(host: Host, { owner, addresses, exceptions }: Masqueraded): void {
  const elements = ownElements(host.connection, owner);
  for (const family of families) {
    const own = ofFamily(addresses, family);
    if (own.length === 0 || isOwnChainInPlace(host.connection, family, owner)) continue;
    const absent = own.find((cidr) => !elements.some((element) => isSameIp(element.address, cidr.address)));
    if (absent !== undefined)
      throw fault(owner, `${formatIp(absent.address)} is not in the IP set of this owner`);
    const missing = findMissing(readNat(host.connection, family), pathsOf(own, ofFamily(exceptions, family)));
    if (missing !== undefined) throw fault(owner, `the iptables rule "${missing}" is missing`);
  }
}

function fault(owner: AttachmentKey, what: string): CniError {
  return new CniError(
    ErrorCode.internal,
    `${owner.ifname} of container ${owner.containerId} is not masqueraded: ${what}`,
    "somebody changed the packet filter; the next ADD on this node brings the shared rules back",
  );
}

function remove(host: Host, { owner, addresses, hasSiblings }: Removal): void {
  const chains = [ownChainName(owner), ...(hasSiblings ? [] : [referenceChainName(owner)])];
  runAll([
    () => removeFromSets(host.connection, owner, addresses),
    () => removeMasqueradeChains(host, chains),
  ]);
}

function collect(host: Host, collection: Collection): void {
  const { network, keep } = collection;
  runAll([() => collectFromSets(host.connection, network, keep), () => collectChains(host, collection)]);
}

function forget(host: Host, addresses: readonly IpAddress[]): void {
  forgetInSets(host.connection, addresses);
}

export const iptablesMasquerade: MasqueradeAdaptor = { prepare, ensure, check, remove, collect, forget };
