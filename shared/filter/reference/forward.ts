/**
 * Rules of the reference plugin firewall (plugins/meta/firewall, 1.9): two for each address of a container in CNI-FORWARD, and chains for
 * "ingressPolicy" that all containers share. No rule names its container: the addresses say whose it is.
 */
import { drift, RECREATE } from "../../attachment/check.ts";
import { runAll } from "../../cni/error.ts";
import { type Family, type IpAddress, toBytes } from "../../ip/address.ts";
import { formatCidr, hostCidr } from "../../ip/cidr.ts";
import { deleteRule, type KernelRule } from "../../nftables/message.ts";
import { rulesOf } from "../../nftables/query.ts";
import { jumpsTo, presentChains } from "../../nftables/remove-chains.ts";
import { retryCommit } from "../../nftables/transaction.ts";
import { bytesText } from "../../system/text.ts";
import { legacyTool, type NatContext, nftTable } from "../iptables/nat-chains.ts";
import { forwarding, runRestore, runSave } from "../iptables/restore.ts";
import { chainOf, restoreInput } from "../iptables/saved.ts";
import type { FilterRecord, Ingress } from "../record.ts";

const CHAIN = "CNI-FORWARD";
const STAGE_1 = "CNI-ISOLATION-STAGE-1";
const families: readonly Family[] = [4, 6];

/** The address as the value of a comparison: NFTA_DATA_VALUE with its header. */
function comparedWith(address: IpAddress): string {
  const bytes = toBytes(address);
  return bytesText(new Uint8Array([4 + bytes.length, 0, 1, 0, ...bytes]));
}

const wordOf = (address: IpAddress): string => ` ${formatCidr(hostCidr(address))} `;

/** The rules of a family in either variant, without those that no address of the family needs. */
interface Rules {
  /** Whether a rule of the chain has the address, in each rule that does. */
  readonly of: (address: IpAddress) => number;
  readonly isEntered: boolean;
  readonly isIsolated: (ingress: Ingress) => boolean;
}

function nftRules({ connection }: NatContext, family: Family): Rules | undefined {
  const table = nftTable(family, "filter");
  if (presentChains(connection, [{ table, bases: [], chain: CHAIN }]).length === 0) return undefined;
  const texts = (chain: string) => rulesOf(connection, table, chain).map(({ body }) => bytesText(body));
  const own = texts(CHAIN);
  return {
    of: (address) => own.filter((text) => text.includes(comparedWith(address))).length,
    isEntered: texts("FORWARD").some((text) => jumpsTo(text, CHAIN)),
    isIsolated: ({ bridge }) => texts(STAGE_1).some((text) => text.includes(`${bridge}\0`)),
  };
}

function legacyRules(context: NatContext, family: Family): Rules | undefined {
  const tool = legacyTool(context, family, "filter");
  const saved = tool && runSave(tool, "filter", forwarding);
  if (saved === undefined || !saved.chains.has(CHAIN)) return undefined;
  const rules = (chain: string) => saved.rules.filter((rule) => chainOf(rule) === chain);
  return {
    of: (address) => rules(CHAIN).filter((rule) => rule.includes(wordOf(address))).length,
    isEntered: rules("FORWARD").some((rule) => rule.endsWith(` -j ${CHAIN}`)),
    isIsolated: ({ bridge }) => rules(STAGE_1).some((rule) => rule.includes(` -i ${bridge} `)),
  };
}

function problemOf(rules: Rules, addresses: readonly IpAddress[], ingress: readonly Ingress[]) {
  const address = addresses.find((each) => rules.of(each) < 2);
  if (address !== undefined) return `for ${formatCidr(hostCidr(address))} in ${CHAIN}`;
  if (!rules.isEntered) return `that jumps from FORWARD to ${CHAIN}`;
  const policy = ingress.find((each) => !rules.isIsolated(each));
  return policy && `for the bridge ${policy.bridge} in ${STAGE_1}`;
}

/** The same as checkReference, for the firewall. */
export function checkForwardReference(
  context: NatContext,
  { addresses = [], firewall }: FilterRecord,
): boolean {
  let isFound = false;
  for (const family of families) {
    const own = addresses.map(({ address }) => address).filter((address) => address.family === family);
    if (own.length === 0) continue;
    const found = [nftRules(context, family), legacyRules(context, family)].filter((rules) =>
      own.some((address) => (rules?.of(address) ?? 0) > 0),
    ) as Rules[];
    const problems = found.map((rules) => problemOf(rules, own, firewall?.ingress ?? []));
    if (found.length === 0 && !isFound) return false;
    isFound = true;
    if (problems.includes(undefined)) continue;
    const problem = problems[0] ?? `for IPv${family} in ${CHAIN}`;
    throw drift(`a rule of the reference plugin is missing: one ${problem}`, RECREATE);
  }
  return isFound;
}

function removeNft({ connection }: NatContext, family: Family, addresses: readonly IpAddress[]): void {
  const table = nftTable(family, "filter");
  if (presentChains(connection, [{ table, bases: [], chain: CHAIN }]).length === 0) return;
  const values = addresses.map(comparedWith);
  const isOwn = ({ body }: KernelRule) => {
    const text = bytesText(body);
    return values.some((value) => text.includes(value));
  };
  retryCommit(connection, () =>
    rulesOf(connection, table, CHAIN)
      .filter(isOwn)
      .map(({ handle }) => deleteRule(table, CHAIN, handle)),
  );
}

function removeLegacy(context: NatContext, family: Family, addresses: readonly IpAddress[]): void {
  const tool = legacyTool(context, family, "filter");
  if (tool === undefined) return;
  const words = addresses.map(wordOf);
  const rules = runSave(tool, "filter", forwarding).rules.filter(
    (rule) => chainOf(rule) === CHAIN && words.some((word) => rule.includes(word)),
  );
  runRestore(tool, restoreInput({ filter: rules.map((rule) => `-D ${rule}`) }), forwarding);
}

/** Removes the rules of the addresses. The chains that all share stay, as with the reference plugin itself. */
export function removeForwardReference(context: NatContext, addresses: readonly IpAddress[]): void {
  runAll(
    families.flatMap((family) => {
      const own = addresses.filter((address) => address.family === family);
      if (own.length === 0) return [];
      return [() => removeNft(context, family, own), () => removeLegacy(context, family, own)];
    }),
  );
}
