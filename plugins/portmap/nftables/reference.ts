/** What the reference portmap plugin makes with its nftables backend: found by its comment, which is the container ID. */
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { NetfilterFamily } from "../../../shared/netfilter/nfnetlink.ts";
import { deleteRule } from "../../../shared/netfilter/nftables/message.ts";
import { rulesOf } from "../../../shared/netfilter/nftables/question.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";

const tables = [NetfilterFamily.ipv4, NetfilterFamily.ipv6].map((family) => ({
  family,
  name: "cni_hostport",
}));

/** The removal of its rules for a container; of all its networks, as it does not tell them apart. */
export function removeReferenceRules(
  connection: NetlinkConnection,
  { containerId }: AttachmentKey,
): NetlinkMessage[] {
  return tables.flatMap((table) =>
    rulesOf(connection, table)
      .filter(({ comment }) => comment === containerId)
      .map(({ chain, handle }) => deleteRule(table, chain, handle)),
  );
}
