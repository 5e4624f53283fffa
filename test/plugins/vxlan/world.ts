/** Several nodes on an underlay, on each of which the vxlan plugin is called as a runtime does. */
import { builtPlugin, type Node } from "../../helpers/index.ts";
import { createUnderlay, type Member, type Underlay, type UnderlayOptions } from "../../helpers/underlay.ts";
import { Host as AnyHost, type Keys, type Pod } from "../attachment/host.ts";

export * from "../attachment/host.ts";

/** The programs that every test of this folder calls. */
export const programs = ["ip", "bridge", "nft", "ping", "tcpdump", "iptables-save", "ipset"] as const;

export class VxlanHost extends AnyHost {
  readonly member: Member;

  constructor(member: Member) {
    super(member, builtPlugin("vxlan"));
    this.member = member;
  }
}

export interface AttachedPod extends Pod {
  readonly host: VxlanHost;
  // biome-ignore lint/suspicious/noExplicitAny: results are read by expectations
  readonly result: any;
  /** Without prefix length, in the order of the result. */
  readonly addresses: readonly string[];
}

export interface World extends AsyncDisposable {
  readonly underlay: Underlay;
  readonly hosts: readonly VxlanHost[];
  host(index: number): VxlanHost;
}

export async function createWorld(count: number, options: UnderlayOptions = {}): Promise<World> {
  const underlay = await createUnderlay(count, options);
  const hosts = underlay.members.map((member) => new VxlanHost(member));
  const host = (index: number) => hosts[index] as VxlanHost;
  return { underlay, hosts, host, [Symbol.asyncDispose]: () => underlay[Symbol.asyncDispose]() };
}

/** Attaches a new pod. */
export async function attach(host: VxlanHost, name: string, config: Keys): Promise<AttachedPod> {
  const pod = await host.pod(name);
  const result = await host.add(pod, config);
  const addresses = (result.ips ?? []).map(({ address }: { address: string }) => address.replace(/\/.*/, ""));
  return { ...pod, host, result, addresses };
}

type Family = 4 | 6;

const addressOf = (member: Member, family: Family) => (family === 4 ? member.address4 : member.address6);

/** The peers of one node: all others. */
export function peersOf(
  world: World,
  own: number,
  family: Family = 4,
  keys: (index: number) => Keys = () => ({}),
) {
  return world.underlay.members.flatMap((member, index) =>
    index === own ? [] : [{ name: `n${index + 1}`, vtep: addressOf(member, family), ...keys(index) }],
  );
}

/** A network of the mode l2, as it is configured on node number `own`: pods get 10.10.0.(16 n + 2) and so on. */
export function l2Network(world: World, own: number, keys: Keys = {}, family: Family = 4): Keys {
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "vxlan",
    mode: "l2",
    vni: 100,
    discovery: { type: "static", peers: peersOf(world, own, family) },
    ipam: {
      type: "host-local",
      ranges: [
        [
          {
            subnet: "10.10.0.0/24",
            rangeStart: `10.10.0.${16 * own + 2}`,
            rangeEnd: `10.10.0.${16 * own + 14}`,
          },
        ],
      ],
    },
    ...keys,
  };
}

/** The pod subnets of node number `index`. */
export const podSubnets = (index: number, families: readonly Family[] = [4]): string[] =>
  families.map((family) => (family === 4 ? `10.244.${index + 1}.0/24` : `fd00:244:0:${index + 1}::/64`));

const networks: Readonly<Record<Family, string>> = { 4: "10.244.0.0/16", 6: "fd00:244::/48" };

export interface L3Options {
  /** Of the underlay. */
  readonly family?: Family;
  /** Of the pods. */
  readonly families?: readonly Family[];
  readonly l3?: Keys;
}

/** A network of the mode l3, as it is configured on node number `own`. */
export function l3Network(world: World, own: number, keys: Keys = {}, options: L3Options = {}): Keys {
  const { family = 4, families = [4], l3 = {} } = options;
  const peers = peersOf(world, own, family, (index) => ({ subnets: podSubnets(index, families) }));
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "vxlan",
    mode: "l3",
    vni: 100,
    discovery: { type: "static", peers },
    l3: { network: families.map((each) => networks[each]), subnets: podSubnets(own, families), ...l3 },
    ipam: { type: "host-local" },
    ...keys,
  };
}

/** The network of a mode. */
export const networkOf = { l2: l2Network, l3: l3Network } as const;

/** One pod on each node. */
export async function attachEverywhere(
  world: World,
  network: (index: number) => Keys,
  name = "pod",
): Promise<AttachedPod[]> {
  const pods: AttachedPod[] = [];
  for (const [index, host] of world.hosts.entries()) pods.push(await attach(host, name, network(index)));
  return pods;
}

/** The entries of a device's forwarding database that were given, as "MAC DESTINATION", sorted. */
export async function fdbOf(node: Node, device = "vx100"): Promise<string[]> {
  const entries = await node.execJson<{ mac: string; dst?: string; flags: string[]; state: string }[]>(
    "bridge",
    ["-j", "fdb", "show", "dev", device],
  );
  return entries
    .filter(({ dst, state }) => dst !== undefined && (state === "permanent" || state === "static"))
    .map(({ mac, dst }) => `${mac} ${dst}`)
    .sort();
}

/** The permanent neighbours of a device, as "ADDRESS MAC", sorted. */
export async function neighboursOf(node: Node, device = "vx100"): Promise<string[]> {
  const entries = await node.execJson<{ dst: string; lladdr?: string; state: string[] }[]>("ip", [
    "-j",
    "neighbour",
    "show",
    "dev",
    device,
    "nud",
    "permanent",
  ]);
  return entries.map(({ dst, lladdr }) => `${dst} ${lladdr}`).sort();
}

/** Our routes, as "DESTINATION via GATEWAY dev DEVICE", of both families. */
export async function routesOf(node: Node): Promise<string[]> {
  const all: string[] = [];
  for (const family of ["-4", "-6"]) {
    const { stdout } = await node.exec("ip", ["-j", "-N", family, "route", "show", "proto", "84"]);
    const routes = (stdout.trim() === "" ? [] : JSON.parse(stdout)) as {
      dst: string;
      gateway: string;
      dev: string;
    }[];
    all.push(...routes.map(({ dst, gateway, dev }) => `${dst} via ${gateway} dev ${dev}`));
  }
  return all.sort();
}

/** The elements of the guard's set, sorted; undefined without a guard. */
export async function guardOf(node: Node, set = "vteps4-100-4789"): Promise<string[] | undefined> {
  const run = await node.exec("nft", ["-j", "list", "set", "inet", "podwire-vxlan-net", set], {
    reject: false,
  });
  if (run.exitCode !== 0) return undefined;
  const { nftables } = JSON.parse(run.stdout) as { nftables: { set?: { elem?: string[] } }[] };
  return (nftables.find((item) => item.set !== undefined)?.set?.elem ?? []).sort();
}

/** All that the overlay consists of on a node, for comparison. */
export async function overlayOf(node: Node) {
  return {
    fdb: await fdbOf(node),
    neighbours: await neighboursOf(node),
    routes: await routesOf(node),
    guard: await guardOf(node),
  };
}
