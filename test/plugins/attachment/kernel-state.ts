/** What iproute2 and the kernel's files say of a node: the independent view of what the plugin did. */
import { expect } from "vitest";
import type { Node, Snapshot } from "../../helpers/index.ts";

/** A link as `ip -j -d link` prints it; of its many keys those that tests read. */
export interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly ifalias?: string;
  readonly master?: string;
  readonly link_index?: number;
  readonly promiscuity: number;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_data?: {
      readonly hairpin: boolean;
      readonly isolated: boolean;
      readonly state: string;
    };
  };
}

const inside = (netns: string | undefined) => (netns === undefined ? {} : { netns });

/** All links of the node, or of one of its named namespaces. */
export const links = (node: Node, netns?: string): Promise<Link[]> =>
  node.execJson<Link[]>("ip", ["-j", "-d", "link"], inside(netns));

/** The link of that name, which must be there. */
export const link = async (node: Node, name: string, netns?: string): Promise<Link> => {
  const all = await links(node, netns);
  const found = all.find(({ ifname }) => ifname === name);
  expect(found, `${name} is not among ${all.map(({ ifname }) => ifname)}`).toBeDefined();
  return found as Link;
};

/** The names of the bridge's ports. */
export const ports = async (node: Node, bridge: string): Promise<string[]> =>
  (await links(node)).filter(({ master }) => master === bridge).map(({ ifname }) => ifname);

interface AddressInfo {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
  readonly nodad?: boolean;
}

/** The addresses of an interface that the kernel did not make up by itself. */
export const addressInfos = async (node: Node, name: string, netns?: string): Promise<AddressInfo[]> => {
  const args = ["-j", "address", "show", "dev", name];
  const [found] = await node.execJson<{ addr_info: AddressInfo[] }[]>("ip", args, inside(netns));
  return (found?.addr_info ?? []).filter(({ local }) => !local.startsWith("fe80:"));
};

/** The same as text, such as "10.1.0.2/24". */
export const addresses = async (node: Node, name: string, netns?: string): Promise<string[]> =>
  (await addressInfos(node, name, netns)).map(({ local, prefixlen }) => `${local}/${prefixlen}`);

/** A route as `ip -j route` prints it. */
export interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly metric?: number;
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[];
  readonly nexthops?: readonly { readonly dev: string }[];
}

/** The routes of a family in a table (main unless told) that the kernel did not make up by itself. */
export const routes = async (
  node: Node,
  family: 4 | 6,
  netns: string,
  table: string | number = "main",
): Promise<Route[]> => {
  const args = ["-j", "-N", `-${family}`, "route", "show", "table", String(table)];
  // An empty table is no table to ip(8).
  const { stdout } = await node.exec("ip", args, { netns, reject: false });
  const all = (stdout.trim() === "" ? [] : JSON.parse(stdout)) as Route[];
  return all.filter(({ protocol }) => protocol !== "2");
};

/** The default routes of a family, as "via GATEWAY". */
export const defaultRoutes = async (node: Node, family: 4 | 6, netns: string): Promise<string[]> =>
  (await routes(node, family, netns))
    .filter(({ dst }) => dst === "default")
    .map((route) => `via ${route.gateway}`);

/** A network parameter, such as "ipv4/ip_forward". */
export const sysctl = async (node: Node, key: string, netns?: string): Promise<string> =>
  (await node.exec("cat", [`/proc/sys/net/${key}`], inside(netns))).stdout;

/** A file of /sys/class/net; in a container of a namespace of its own, whose /sys is mounted for the question. */
export const sysfs = async (node: Node, name: string, file: string, netns?: string): Promise<string> => {
  const script = `mount -t sysfs sysfs /mnt && cat /mnt/class/net/${name}/${file}`;
  const args = ["--mount", "--propagation", "private", "sh", "-c", script];
  return (await node.exec("unshare", args, inside(netns))).stdout;
};

/** The state of a container's namespace, for `expect(after).toEqual(before)`. */
export const containerState = async (node: Node, netns: string): Promise<string[]> => {
  const script =
    "ip -d link; ip address; ip -4 route show table all; ip -6 route show table all; ip rule; ip -6 rule; cat /proc/sys/net/ipv6/conf/*/disable_ipv6";
  const { stdout } = await node.exec("sh", ["-c", script], { netns, reject: false });
  return stdout.split("\n");
};

/** The files of host-local's store of a network that hold an address. */
export const reservations = async (node: Node, name = "net"): Promise<string[]> => {
  const script = `ls /var/lib/cni/networks/${name} 2>/dev/null | grep -E '^[0-9a-f.:]+$' | grep '[.:]' || true`;
  const { stdout } = await node.exec("sh", ["-c", script]);
  return stdout === "" ? [] : stdout.split("\n");
};

/**
 * host-local's index can be made again from its store, so of an entry only the name counts: whose it is. The
 * scratch file for the next write, and the time at which the index was last right, belong to no attachment.
 */
const withoutIndexContents = (files: readonly string[]): string[] =>
  files
    .map((line) => line.replace(/^(\S+\/\.podwire\/[^ ]+): .*/, "$1"))
    .filter((line) => !/\/\.podwire\/[^/]+\/(temporary|state)$/.test(line));

/** All the state of a node that a plugin could change, for `expect(after).toEqual(before)`. */
export const hostState = async (node: Node): Promise<Snapshot> => {
  const snapshot = await node.snapshot();
  return { ...snapshot, files: withoutIndexContents(snapshot.files) };
};
