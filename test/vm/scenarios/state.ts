import type { VmNode } from "../node.ts";

// One shell: programs start slowly in the machine. What moves by itself (counters, the sets' random seeds, what
// duplicate address detection is about to add) is left out.
const script = `
ip -br link
ip -br address
ip -4 route show table all
ip -6 route
ip rule
bridge vlan
iptables-save | sed "/^#/d; s/\\[.*\\]//"
ip6tables-save | sed "/^#/d; s/\\[.*\\]//"
ipset save | sed "s/ initval [^ ]*//"
nft list table bridge nat 2>/dev/null
find /run /var/lib -type f`;

/** What stays when nothing is reserved any more, and what a command made beside the plugin. */
const unremarkable =
  /^\/run\/netns\/|^\/run\/podwire\/locks\/(?!attachment-)|\/xtables.lock$|\/(lock|state|last_reserved_ip\.\d+)$/;

/** All the state of the node that an attachment with VLANs could change, as lines to compare. */
export const nodeState = async (node: VmNode): Promise<string[]> => {
  const { stdout } = await node.exec("sh", ["-c", script]);
  return stdout.split("\n").filter((line) => !unremarkable.test(line));
};
