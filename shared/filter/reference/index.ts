/** Removes what the reference plugins made in the packet filter. Where there is nothing, no process is started. */
import { runAll } from "../../cni/error.ts";
import type { AttachmentKey } from "../../cni/plugin.ts";
import { type Family, type IpAddress, toBytes } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { deleteRule, type KernelRule } from "../../nftables/message.ts";
import { rulesOf } from "../../nftables/query.ts";
import { type ChainPlace, presentChains, removeChains, rulesOfChain } from "../../nftables/remove-chains.ts";
import { retryCommit } from "../../nftables/transaction.ts";
import { bytesText } from "../../system/text.ts";
import { legacyNat, type NatContext, nftTable, removeNatChains } from "../iptables/nat-chains.ts";
import { chainOf, jumpOf } from "../iptables/saved.ts";
import type { RecordKind } from "../record.ts";
import { removeForwardReference } from "./forward.ts";
import {
  masqueradeComments,
  type NatKind,
  natChains,
  ownerPart,
  type RuleTable,
  ruleTables,
  spoofChains,
} from "./names.ts";

export { checkReference } from "./check.ts";

const families: readonly Family[] = [4, 6];

const tablePlace = ({ table, chain }: RuleTable): ChainPlace => ({ table, bases: [], chain });

function removeRules(
  connection: NetlinkConnection,
  { table }: RuleTable,
  isMeant: (rule: KernelRule) => boolean,
): void {
  retryCommit(connection, () =>
    rulesOf(connection, table)
      .filter(isMeant)
      .map(({ chain, handle }) => deleteRule(table, chain, handle)),
  );
}

/**
 * Removes what the reference plugin made for an attachment, with either backend: masquerade and the spoof check ("interface"), host
 * ports ("portmap"), or what the addresses have of the firewall. `hasSiblings`: the container has another interface on this network. They share the iptables chain for
 * masquerade, which stays. `addresses`: the attachment's, if they are known. Rules of host ports with nftables name the container alone, and
 * it may have ports on another network.
 */
export function removeReference(
  context: NatContext,
  owner: AttachmentKey,
  kind: RecordKind,
  hasSiblings: boolean,
  addresses: readonly IpAddress[] = [],
): void {
  if (kind === "firewall") {
    removeForwardReference(context, addresses);
    return;
  }
  const { connection } = context;
  const { base, nameOf, purpose } = natChains[kind];
  const isShared = kind === "interface" && hasSiblings;
  const group = { bases: [base], chains: isShared ? [] : [nameOf(owner)] };
  const chains = [
    ...families.flatMap((family) =>
      group.chains.map((chain) => ({ table: nftTable(family), bases: [base], chain })),
    ),
    ...(kind === "interface" ? spoofChains(owner) : []),
  ];
  // One round trip finds out what there is.
  const present = presentChains(connection, [...chains, ...ruleTables[kind].map(tablePlace)]);
  const isPresent = (place: ChainPlace) =>
    present.some(
      ({ table, chain }) =>
        table.name === place.table.name && table.family === place.table.family && chain === place.chain,
    );
  const tables = ruleTables[kind].filter((each) => isPresent(tablePlace(each)));
  const targets = kind === "portmap" ? addresses.map((address) => bytesText(toBytes(address))) : [];
  const leadsThere = ({ body }: KernelRule) => {
    const text = bytesText(body);
    return targets.length === 0 || targets.some((target) => text.includes(target));
  };
  runAll([
    () => removeChains(connection, chains.filter(isPresent)),
    ...tables.map((each) => () => {
      const comment = each.commentOf(owner);
      removeRules(connection, each, (rule) => ownerPart(rule.comment) === comment && leadsThere(rule));
    }),
    ...families.map((family) => () => removeNatChains(context, "legacy", family, [group], purpose)),
  ]);
}

/** The chains that jumps with a network's comment lead to. */
function chainsOfNetwork(context: NatContext, kind: NatKind, network: string): string[] {
  const { base, pattern, commentOf, purpose } = natChains[kind];
  const inNft = families.flatMap((family) => {
    const start = commentOf(network);
    const texts = rulesOfChain(context.connection, nftTable(family), base).map(({ body }) => bytesText(body));
    return texts.flatMap((text) => (text.includes(start) ? (pattern.exec(text)?.[0] ?? []) : []));
  });
  // iptables-save escapes the quotes of a comment.
  const escaped = commentOf(network).replaceAll('"', '\\"');
  const inLegacy = families.flatMap((family) => {
    const rules = legacyNat(context, family, purpose)?.rules ?? [];
    return rules.flatMap((rule) =>
      chainOf(rule) === base && rule.includes(escaped) ? (jumpOf(rule) ?? []) : [],
    );
  });
  return [...new Set([...inNft, ...inLegacy])];
}

/**
 * Removes what the reference plugin made for attachments of a network that are not in `keep`. Host ports of its nftables backend
 * stay, and so do spoof checks and the firewall's: their rules do not name the network.
 */
export function collectReference(
  context: NatContext,
  network: string,
  keep: readonly AttachmentKey[],
  kind: RecordKind,
): void {
  if (kind === "firewall") return;
  const { base, nameOf, purpose } = natChains[kind];
  const kept = new Set(keep.map(nameOf));
  const masqueraded = kind === "interface" ? ruleTables.interface : [];
  runAll([
    () => {
      const chains = chainsOfNetwork(context, kind, network).filter((chain) => !kept.has(chain));
      const steps = families.flatMap((family) =>
        (["nf_tables", "legacy"] as const).map(
          (variant) => () => removeNatChains(context, variant, family, [{ bases: [base], chains }], purpose),
        ),
      );
      if (chains.length > 0) runAll(steps);
    },
    ...masqueraded.map((each) => () => {
      const comments = new Set(keep.map(each.commentOf));
      const isStale = ({ comment }: KernelRule) =>
        comment.startsWith(masqueradeComments(network)) && !comments.has(ownerPart(comment));
      removeRules(context.connection, each, isStale);
    }),
  ]);
}
