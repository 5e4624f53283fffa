/** A node with routed pods on it, and calls of shared/filter from there. */
import { afterAll, beforeAll, expect } from "vitest";
import { writeMain } from "../../../scripts/module.ts";
import { evaluator, type ModuleScript, type Node } from "../../helpers/index.ts";
import type { Operation, WantedText } from "./driver.ts";

export type { Operation, WantedText } from "./driver.ts";

export type Variant = "nf_tables" | "legacy";
export const variants = ["nf_tables", "legacy"] as const;

/** A way to filter; `variant` says which iptables the node has, whatever the backend. */
export interface Way {
  readonly how: string;
  readonly backend: "iptables" | "nftables";
  readonly variant: Variant;
}

export const nftablesWay: Way = { how: "nftables", backend: "nftables", variant: "nf_tables" };

/** What shared/filter/filter.ts promises is true for each of these. */
export const ways: readonly Way[] = [
  nftablesWay,
  { how: "iptables, nf_tables", backend: "iptables", variant: "nf_tables" },
  { how: "iptables, legacy", backend: "iptables", variant: "legacy" },
];

/** The programs that tests of all ways call. */
export const tools = ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "ip", "nft"];

export interface Owner {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

export const owner = (containerId: string, ifname = "eth0", network = "net"): Owner => ({
  network,
  containerId,
  ifname,
});

/** The record of an interface whose addresses are masqueraded; `more` is added, or replaces. */
export const masqueradeOf = (
  way: Way,
  who: Owner,
  addresses: readonly string[],
  exceptions: readonly string[] = [],
): WantedText => ({
  owner: who,
  kind: "interface",
  backend: way.backend,
  masquerade: { addresses, exceptions },
});

/** The record of an interface whose frames have to have its MAC address. */
export const spoofCheckOf = (who: Owner, port: string, mac: string): WantedText => ({
  owner: who,
  kind: "interface",
  backend: "nftables",
  spoofCheck: { port, mac },
});

/** How a call ended: null, or the error that a plugin would print. */
export type Outcome = null | { readonly code: number; readonly message: string; readonly details: string };

let script: ModuleScript;
beforeAll(async () => {
  script = await writeMain("test/shared/filter/driver.ts");
});
afterAll(() => script[Symbol.asyncDispose]());

/** The command line that makes the calls. */
export const commandOf = (variant: Variant, ...operations: Operation[]): string[] => [
  evaluator,
  ...script.words,
  JSON.stringify(operations),
  environmentOf(variant).PATH,
];

/** Makes calls one after the other in one process, on the node or in a namespace of it. Returns their outcomes. */
export const perform = async <Result = Outcome>(
  node: Node,
  variant: Variant,
  operations: readonly Operation[],
  netns?: string,
): Promise<Result[]> => {
  const [command = "", ...args] = commandOf(variant, ...operations);
  const { stdout } = await node.exec(command, args, netns === undefined ? {} : { netns });
  return JSON.parse(stdout) as Result[];
};

const call = async (node: Node, variant: Variant, operation: Operation): Promise<Outcome> =>
  (await perform(node, variant, [operation]))[0] ?? null;

/** The calls of plugins, each in a process of its own. */
export const apply = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "apply", wanted });
export const check = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "check", wanted });
export const prepare = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "prepare", wanted });
export const clear = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "clear", wanted });
export const remove = (node: Node, who: Owner, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "remove", owner: who, kind: "interface" });
export const collect = (
  node: Node,
  network: string,
  keep: readonly Owner[],
  variant: Variant = "nf_tables",
) => call(node, variant, { verb: "collect", network, keep, kind: "interface" });

/** The records on the disk, as record-text.ts writes them. */
export const recordsOf = async (node: Node, netns?: string): Promise<WantedText[]> =>
  (await perform<WantedText[]>(node, "nf_tables", [{ verb: "records" }], netns))[0] ?? [];

/** Files below the folder of records, without the lock, the state and the draft: "records/HASH.interface". */
export const recordFiles = async (node: Node): Promise<string[]> => {
  const find = "cd /run/podwire/filter 2>/dev/null || exit 0; find . -type f -printf '%P\\n'";
  const { stdout } = await node.exec("sh", ["-c", find]);
  return stdout
    .split("\n")
    .map((path) => path.replace(/^[^/]+\//, ""))
    .filter((path) => !/^(lock|records\/state|records\/\.draft)?$/.test(path))
    .sort();
};

/** Where a folder on the node has the iptables of a variant under the plain names. */
const toolFolder = (variant: Variant) => `/run/tools-${variant}`;

/** The environment in which iptables is that of the variant. */
export const environmentOf = (variant: Variant) => ({ PATH: `${toolFolder(variant)}:/usr/sbin:/usr/bin` });

const suffix = (variant: Variant) => (variant === "legacy" ? "legacy" : "nft");

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

/**
 * Makes pods that are routed, not bridged, so that traffic between them passes the node's packet filter: each a named
 * namespace with eth0, its addresses, and default routes to the node.
 */
export const createPods = async (node: Node, pods: Readonly<Record<string, readonly string[]>>) => {
  const commands = ["sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"];
  await node.addNetnses(Object.keys(pods));
  for (const [name, addresses] of Object.entries(pods)) {
    const inside = `ip -n ${name}`;
    commands.push(
      `ip link add host-${name} type veth peer name eth0 netns ${name}`,
      `ip address add 169.254.1.1/32 dev host-${name}`,
      `ip address add fe80::1/64 dev host-${name} nodad`,
      `ip link set host-${name} up`,
      `${inside} link set lo up`,
      `${inside} link set eth0 up`,
    );
    for (const address of addresses) {
      const nodad = address.includes(":") ? "nodad" : "";
      commands.push(
        `${inside} address add ${address} dev eth0 ${nodad}`,
        `ip route add ${address} dev host-${name}`,
      );
    }
    commands.push(
      `${inside} route add 169.254.1.1 dev eth0`,
      `${inside} route add default via 169.254.1.1`,
      `${inside} -6 route add default via fe80::1 dev eth0`,
    );
  }
  await node.exec("sh", ["-ec", commands.join("\n")]);
};

/** The programs that calls start on the node; none of the calls fails. */
export const startedPrograms = async (
  node: Node,
  variant: Variant,
  ...operations: Operation[]
): Promise<string[]> => {
  const trace = "/run/trace";
  const options = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", trace];
  const { stdout } = await node.exec("strace", [...options, ...commandOf(variant, ...operations)]);
  expect(JSON.parse(stdout)).toEqual(operations.map(() => null));
  const lines = (await node.exec("cat", [trace])).stdout.split("\n");
  const started = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
  expect(started[0]).toBe(evaluator);
  return started.slice(1);
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
