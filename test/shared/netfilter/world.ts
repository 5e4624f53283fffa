/** A node with routed pods on it, and calls of shared/netfilter from there. */
import { expect } from "vitest";
import { evaluator, type Node, runModule, writeModule } from "../../helpers/index.ts";

export type Variant = "nf_tables" | "legacy";
export const variants = ["nf_tables", "legacy"] as const;

/** A way of masquerading; `variant` says which iptables the node has, whatever the backend. */
export interface Way {
  readonly how: string;
  readonly backend: "iptables" | "nftables";
  readonly variant: Variant;
  readonly withoutSets: boolean;
}

export const setsWay: Way = {
  how: "nf_tables, IP sets",
  backend: "iptables",
  variant: "nf_tables",
  withoutSets: false,
};
export const nftablesWay: Way = { ...setsWay, how: "nftables", backend: "nftables" };

/** Everything that shared/netfilter/masquerade.ts promises is true for each of these. */
export const ways: readonly Way[] = [
  setsWay,
  { ...setsWay, how: "nf_tables, a chain per attachment", withoutSets: true },
  { ...setsWay, how: "legacy, IP sets", variant: "legacy" },
  { ...setsWay, how: "legacy, a chain per attachment", variant: "legacy", withoutSets: true },
  nftablesWay,
];

/** What ensureMasquerade and checkMasquerade are given; `more` is added, or replaces. */
export const requestOf = (
  { backend, variant, withoutSets }: Way,
  who: Owner,
  addresses: readonly string[],
  more: object = {},
) => ({
  owner: who,
  addresses,
  exceptions: [],
  backend,
  environment: environmentOf(variant),
  withoutSets,
  ...more,
});

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

/** The members of an IP set with their comments, sorted; none if there is no such set. */
export const setMembers = async (node: Node, set: string): Promise<string[]> => {
  const { stdout } = await node.exec("ipset", ["list", set, "-sorted"], { reject: false });
  return stdout.split("\n").filter((line) => line.includes(" comment "));
};

interface NftElement {
  readonly elem: { readonly val: string; readonly comment?: string };
}

interface NftSet {
  readonly name: string;
  readonly elem?: readonly (string | NftElement)[];
}

/** The elements of our table's sets whose name begins so, as "ADDRESS COMMENT", as nft lists them. */
export const nftMembers = async (node: Node, start: string): Promise<string[]> => {
  const { stdout } = await node.exec("nft", ["-j", "list", "ruleset"]);
  const objects = JSON.parse(stdout).nftables as { readonly set?: NftSet & { readonly table: string } }[];
  return objects
    .flatMap(({ set }) => (set?.table === "podwire" && set.name.startsWith(start) ? (set.elem ?? []) : []))
    .map((element) =>
      typeof element === "string" ? element : `${element.elem.val} ${element.elem.comment ?? ""}`,
    )
    .sort();
};

/** Who is masqueraded at which address, as the tools show it, whichever way it is done: "10.1.0.2 net c1 eth0". */
export const masqueraded = async (node: Node, variant: Variant): Promise<string[]> => {
  const lines = [
    ...(await setMembers(node, "podwire-masq4")),
    ...(await setMembers(node, "podwire-masq6")),
    ...(await natRules(node, variant)),
    ...(await natRules(node, variant, 6)),
    ...(await nftMembers(node, "pods")),
  ];
  const forms = [
    /^(\S+) comment "podwire (network=\S+ container=\S+ interface=\S+) in/,
    /^-A POSTROUTING -s (\S+)\/\d+ .*"podwire (network=\S+ container=\S+ interface=\S+)"/,
    /^(\S+) podwire (network=\S+ container=\S+ interface=\S+)$/,
  ];
  return lines.flatMap((line) => {
    const found = forms.map((form) => form.exec(line)).find((match) => match !== null);
    if (found === undefined || found === null) return [];
    return [`${found[1]} ${found[2]}`.replace(/(network|container|interface)=/g, "")];
  });
};

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

/** How a call ended: null, or the error a plugin would print. */
export type Outcome = null | { readonly code: number; readonly message: string; readonly details: string };

/** The source of a program that calls a function of a module of shared/netfilter and prints how it ended. */
export const callSource = (module: string, name: string, ...values: unknown[]): string => `
  import { ${name} } from "./shared/netfilter/${module}.ts";
  import { parseCidr } from "./shared/ip/cidr.ts";
  import { parseIp } from "./shared/ip/address.ts";
  const values = JSON.parse(${JSON.stringify(JSON.stringify(values))}, (key, value) =>
    key === "addresses" || key === "exceptions" ? value.map(parseCidr) : key === "ips" ? value.map(parseIp) : value);
  let outcome = null;
  try {
    ${name}(...values.map((value) => value?.ips ?? value));
  } catch ({ code, message, details, stack }) {
    outcome = { code, message, details, ...(code === undefined ? { stack } : {}) };
  }
  console.log(JSON.stringify(outcome));`;

/** Calls a function of a module of shared/netfilter on the node; addresses are given as texts. */
export const call = (node: Node, module: string, name: string, ...values: unknown[]): Promise<Outcome> =>
  runModule<Outcome>(node, callSource(module, name, ...values));

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

/** The programs that a program of callSource starts on the node. */
export const tracedPrograms = async (node: Node, source: string): Promise<string[]> => {
  const trace = "/run/trace";
  const options = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", trace];
  await using script = await writeModule(source);
  const { stdout } = await node.exec("strace", [...options, evaluator, ...script.words]);
  expect(stdout).toBe("null");
  const lines = (await node.exec("cat", [trace])).stdout.split("\n");
  const started = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
  expect(started[0]).toBe(evaluator);
  return started.slice(1);
};
