/** What iptables and nft say of the rules: the independent view of what the packet filter has. */
import type { Node } from "../../helpers/index.ts";
import { suffix, type Variant } from "./iptables-variants.ts";

/** The nat rules as iptables-save lists them, without counters and remarks. */
export const natRules = async (node: Node, variant: Variant, family: 4 | 6 = 4): Promise<string[]> => {
  const tool = family === 4 ? "iptables" : "ip6tables";
  const { stdout } = await node.exec(`${tool}-${suffix(variant)}-save`, ["-t", "nat"]);
  return stdout.split("\n").filter((line) => line.startsWith("-A ") || /^:(PODWIRE|CNI)/.test(line));
};

export const runIptables = (node: Node, variant: Variant, ...args: string[]) =>
  node.exec(`iptables-${suffix(variant)}`, ["-t", "nat", ...args]);

/** A set, map or chain of our tables as nft lists it in JSON. */
interface NftSet {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly elem?: readonly unknown[];
}

/** An element with its owner: nft lists one of a map as a pair of key and value. */
interface NftElement {
  readonly elem: { readonly val: unknown; readonly comment?: string };
}

const valueText = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return String(value);
  const parts = (value as { readonly concat?: readonly unknown[] }).concat ?? [];
  return parts.map(valueText).join(" . ");
};

const elementText = (element: unknown): string => {
  const [key, value] = Array.isArray(element) ? element : [element];
  const { val = key, comment = "" } = (key as Partial<NftElement>).elem ?? {};
  return `${valueText(val)}${value === undefined ? "" : ` : ${valueText(value)}`} ${comment}`;
};

const isSentinel = (text: string) => text.endsWith(" podwire: missing where the set was emptied");

export interface NftObject {
  readonly set?: NftSet;
  readonly map?: NftSet;
  readonly chain?: { readonly family: string; readonly table: string; readonly name: string };
  readonly rule?: {
    readonly family: string;
    readonly table: string;
    readonly chain: string;
    readonly handle: number;
    readonly comment?: string;
    readonly expr: readonly object[];
  };
}

/** All that nft lists. */
export const nftObjects = async (node: Node, netns?: string): Promise<readonly NftObject[]> => {
  const { stdout } = await node.exec("nft", ["-j", "list", "ruleset"], netns === undefined ? {} : { netns });
  return JSON.parse(stdout).nftables;
};

/** The elements of our tables' sets by set, but for the sentinels; sorted. */
export const nftSets = (objects: readonly NftObject[]): Map<string, string[]> =>
  new Map(
    objects
      .flatMap(({ set, map }) => set ?? map ?? [])
      .filter(({ table }) => table === "podwire")
      .map(({ family, name, elem = [] }) => [
        `${family} ${name}`,
        elem
          .map(elementText)
          .filter((text) => !isSentinel(text))
          .sort(),
      ]),
  );

/** The elements of our tables' sets whose name begins so, as "ADDRESS COMMENT", as nft lists them. */
export const nftMembers = async (node: Node, start = "", netns?: string): Promise<string[]> => {
  const sets = nftSets(await nftObjects(node, netns));
  return [...sets]
    .filter(([name]) => name.replace(/^\S+ /, "").startsWith(start))
    .flatMap(([, elements]) => elements)
    .sort();
};

/** Whose addresses are masqueraded, as the tools show it, whichever way it is done: "10.1.0.2 net c1 eth0"; sorted. */
export const masqueraded = async (node: Node, variant: Variant): Promise<string[]> => {
  const lines = [
    ...(await natRules(node, variant)),
    ...(await natRules(node, variant, 6)),
    ...(await nftMembers(node, "pods")),
  ];
  const forms = [
    /^-A PODWIRE-POSTROUTING -s (\S+)\/\d+ .*"podwire (network=\S+ container=\S+ interface=\S+)"/,
    /^(\S+) podwire (network=\S+ container=\S+ interface=\S+)$/,
  ];
  return lines
    .flatMap((line) => {
      const found = forms.map((form) => form.exec(line)).find((match) => match !== null);
      if (found === undefined || found === null) return [];
      return [`${found[1]} ${found[2]}`.replace(/(network|container|interface)=/g, "")];
    })
    .sort();
};

/** What nft lists, line by line. The order of a set's elements is the kernel's, and counters count. */
export const listingLines = (text: string): string[] =>
  text
    .replace(/elements = \{([^}]*)\}/g, (_, list: string) => {
      const elements = list.split(",").map((element) => element.trim());
      return `elements = { ${elements.sort().join(", ")} }`;
    })
    .replace(/packets \d+ bytes \d+/g, "")
    .split("\n");
