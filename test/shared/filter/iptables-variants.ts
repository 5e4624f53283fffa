/** Both kinds of iptables on a node, to be chosen by PATH. */
import type { Node } from "../../helpers/index.ts";

export type Variant = "nf_tables" | "legacy";
export const variants = ["nf_tables", "legacy"] as const;

/** Where a folder on the node has the iptables of a variant under the plain names. */
const toolFolder = (variant: Variant) => `/run/tools-${variant}`;

/** The environment in which iptables is that of the variant. */
export const environmentOf = (variant: Variant) => ({ PATH: `${toolFolder(variant)}:/usr/sbin:/usr/bin` });

/** What the names of a variant's programs end in. */
export const suffix = (variant: Variant) => (variant === "legacy" ? "legacy" : "nft");

/** Puts both kinds of iptables on the node, to be chosen by PATH. */
export const installVariants = async (node: Node): Promise<void> => {
  for (const variant of variants) {
    const folder = toolFolder(variant);
    const links = ["iptables", "ip6tables"].flatMap((tool) =>
      ["", "-restore", "-save"].map(
        (verb) => `ln -s /usr/sbin/${tool}-${suffix(variant)}${verb} ${folder}/${tool}${verb}`,
      ),
    );
    await node.exec("sh", ["-ec", [`mkdir ${folder}`, ...links].join("\n")]);
  }
};
