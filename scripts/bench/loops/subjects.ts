/** Lists that may be long, and calls that process them. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Node } from "../../../test/helpers/index.ts";
import { overlayConfiguration } from "../vxlan/scale.ts";
import type { LoopCall } from "./protocol.ts";

export interface LoopSubject {
  readonly name: string;
  /** The kind of entries in the list. */
  readonly entries: string;
  readonly counts: readonly number[];
  /** Prepares a node for the calls. */
  readonly prepare?: (node: Node, count: number) => void;
  readonly calls: (count: number) => LoopCall[];
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

const common = { cniVersion: "1.1.0", name: "bench" } as const;
const ipam = { type: "host-local", ranges: [[{ subnet: "10.64.0.0/15" }]] };
const bridge = { ...common, type: "bridge", isGateway: true, ipam };

type Configuration = LoopCall["configuration"] & { readonly type: string };

/** A call for the measured attachment, by the plugin of the configuration's type. */
const callOf =
  (configuration: Configuration) =>
  (verb: LoopCall["verb"], figure?: string): LoopCall => ({
    ...(figure === undefined ? {} : { figure }),
    plugin: configuration.type,
    verb,
    containerId: "bench",
    configuration,
  });

function overlayCalls(count: number): LoopCall[] {
  const call = callOf(overlayConfiguration(count));
  return [
    call("ADD", "first ADD"),
    call("DEL"),
    call("ADD"),
    call("DEL"),
    call("ADD", "ADD again"),
    call("DEL"),
    { ...call("ADD", "ADD that looks at all"), forgets: "/run/podwire/vxlan" },
    { ...call("CHECK", "CHECK"), isChained: true },
    call("DEL", "DEL"),
  ];
}

const portmap =
  (backend: "nftables" | "iptables") =>
  (count: number): LoopCall[] => {
    const portMappings = numbers(count).map((at) => ({
      hostPort: 20_000 + at,
      containerPort: 10_000 + at,
      protocol: "tcp",
    }));
    const call = callOf({ ...common, type: "portmap", backend, runtimeConfig: { portMappings } });
    return [
      callOf(bridge)("ADD"),
      { ...call("ADD", "ADD"), isChained: true },
      { ...call("CHECK", "CHECK"), isChained: true },
      { ...call("DEL", "DEL"), isChained: true },
    ];
  };

/** As long as runtimes' ids, and unsorted. */
const containerIdOf = (at: number) =>
  (BigInt(at) * 0x9e3779b97f4a7c15n).toString(16).padStart(64, "a").slice(-64);

function reserve(node: Node, count: number): void {
  const folder = node.path(`/var/lib/cni/networks/${common.name}`);
  mkdirSync(folder, { recursive: true });
  for (const at of numbers(count)) {
    const [high, low] = [(at + 2) >> 8, (at + 2) & 0xff];
    writeFileSync(`${folder}/10.64.${high}.${low}`, `${containerIdOf(at)}\r\neth0`);
  }
}

/** The attachments that GC keeps (specification, "GC"). */
const valid = (containers: readonly number[]) => ({
  "cni.dev/valid-attachments": containers.map((at) => ({ containerID: containerIdOf(at), ifname: "eth0" })),
});

function collections(count: number): LoopCall[] {
  const gc = (type: string, figure: string, containers: readonly number[]): LoopCall =>
    callOf({ ...bridge, type, ...valid(containers) })("GC", figure);
  const all = numbers(count);
  return [
    callOf({ ...bridge, type: "host-local" })("ADD", "host-local ADD beside them"),
    callOf({ ...bridge, type: "host-local" })("DEL"),
    gc("host-local", "host-local GC that keeps all", all),
    gc("bridge", "bridge GC that keeps all", all),
    gc("portmap", "portmap GC that keeps all", all),
    gc(
      "host-local",
      "host-local GC that keeps every other",
      all.filter((at) => at % 2 === 0),
    ),
  ];
}

function routeCalls(count: number): LoopCall[] {
  const routes = numbers(count).map((at) => ({ dst: `10.${128 + (at >> 8)}.${at & 0xff}.0/24` }));
  const call = callOf({ ...bridge, ipam: { ...ipam, routes } });
  return [call("ADD", "ADD"), { ...call("CHECK", "CHECK"), isChained: true }, call("DEL", "DEL")];
}

function rangeCalls(count: number): LoopCall[] {
  const ranges = [numbers(count).map((at) => ({ subnet: `10.${64 + (at >> 8)}.${at & 0xff}.0/24` }))];
  const call = callOf({ ...common, type: "host-local", ipam: { type: "host-local", ranges } });
  return [call("ADD", "ADD"), call("DEL", "DEL")];
}

/** The plugin stops reading input that is too large. */
function inputCalls(kilobytes: number): LoopCall[] {
  const args = { cni: { padding: "x".repeat(kilobytes * 1000) } };
  return [
    {
      ...callOf({ ...bridge, args, ...valid([]) })("GC", "GC"),
      isRefused: kilobytes > 4096,
    },
  ];
}

const upTo = (most: number) => [10, 100, 1000, 5000, 10_000].filter((count) => count <= most);

export const loopSubjects: readonly LoopSubject[] = [
  { name: "vxlan", entries: "peers", counts: upTo(5000), calls: overlayCalls },
  { name: "portmap, nftables", entries: "ports", counts: upTo(5000), calls: portmap("nftables") },
  { name: "portmap, iptables", entries: "ports", counts: upTo(1000), calls: portmap("iptables") },
  {
    name: "garbage",
    entries: "attachments",
    counts: upTo(10_000),
    prepare: reserve,
    calls: collections,
  },
  { name: "bridge", entries: "routes", counts: upTo(5000), calls: routeCalls },
  { name: "host-local", entries: "ranges", counts: upTo(5000), calls: rangeCalls },
  { name: "any input", entries: "kilobytes", counts: upTo(10_000), calls: inputCalls },
];
