/** A node with both variants of iptables, and calls of the backend from there. */
import fc from "fast-check";
import { expect } from "vitest";
import type { FilterRecord, PortMapping } from "../../../../shared/filter/record.ts";
import { formatIp, parseIp } from "../../../../shared/ip/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../../../../shared/ip/cidr.ts";
import { evaluator, type Node, runModule, writeModule } from "../../../helpers/index.ts";

export const variants = ["nf_tables", "legacy"] as const;
export type Variant = (typeof variants)[number];
export const other = (variant: Variant): Variant => (variant === "legacy" ? "nf_tables" : "legacy");

export const tools = [
  "iptables-nft-restore",
  "iptables-legacy-restore",
  "ip6tables-legacy-restore",
  "nft",
  "strace",
];

const suffix = (variant: Variant) => (variant === "legacy" ? "legacy" : "nft");
const toolFolder = (variant: Variant) => `/run/tools-${variant}`;

/** The environment in which iptables is of the variant. */
export const environmentOf = (variant: Variant) => ({ PATH: `${toolFolder(variant)}:/usr/sbin:/usr/bin` });

/** Puts both variants on the node, to be chosen by PATH. */
export async function installVariants(node: Node): Promise<void> {
  for (const variant of variants) {
    const folder = toolFolder(variant);
    const links = ["iptables", "ip6tables"].flatMap((tool) =>
      ["", "-restore", "-save"].map(
        (verb) => `ln -s /usr/sbin/${tool}-${suffix(variant)}${verb} ${folder}/${tool}${verb}`,
      ),
    );
    await node.exec("sh", ["-ec", [`mkdir ${folder}`, ...links].join("\n")]);
  }
}

/** The rules of a table as iptables-save lists them, and the chains that are not built in. */
export async function rulesOf(
  node: Node,
  variant: Variant,
  family: 4 | 6 = 4,
  table = "nat",
): Promise<string[]> {
  const tool = family === 4 ? "iptables" : "ip6tables";
  const { stdout } = await node.exec(`${tool}-${suffix(variant)}-save`, ["-t", table]);
  return stdout.split("\n").filter((line) => line.startsWith("-A ") || / - \[/.test(line));
}

export const runIptables = (node: Node, variant: Variant, command: string) =>
  node.exec("sh", ["-ec", `nat="iptables -t nat"; $nat ${command}`], { env: environmentOf(variant) });

/** How a call ended: null, or the error that a plugin would print. */
export type Outcome = null | { readonly code: number; readonly message: string; readonly details: string };

export interface Operation {
  readonly do: "prepare" | "change" | "check" | "recover";
  readonly record?: FilterRecord;
  readonly removed?: readonly FilterRecord[];
  readonly added?: readonly FilterRecord[];
  /** What is on the disk. */
  readonly all?: readonly FilterRecord[];
}

const isAddress = (value: unknown): value is { family: 4 | 6; value: bigint } =>
  typeof value === "object" && value !== null && "value" in value && "family" in value;

/** A value as JSON: addresses are texts below the key "ip". */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (isAddress(each) ? { ip: formatIp(each) } : each));

const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, each) => (typeof each?.ip === "string" ? parseIp(each.ip) : each));

/** The source of a program that makes the calls and prints the list of their outcomes, or of what they returned. */
const source = (operations: readonly Operation[], variant: Variant): string => `
  import { iptablesBackend } from "./shared/filter/iptables/index.ts";
  import { formatIp, parseIp } from "./shared/ip/address.ts";
  import { withNetfilter } from "./shared/netlink/netfilter.ts";
  const operations = JSON.parse(${JSON.stringify(toJson(operations))}, (_, each) => typeof each?.ip === "string" ? parseIp(each.ip) : each);
  const outcome = (connection, { do: verb, record, removed = [], added = [], all = [] }) => {
    const context = { connection, environment: ${JSON.stringify(environmentOf(variant))}, allRecords: () => all };
    try {
      return iptablesBackend[verb](context, verb === "change" ? { removed, added } : record) ?? null;
    } catch (thrown) {
      const { code, message, details, stack } = thrown;
      return { code, message, details, ...(code === undefined ? { stack } : {}) };
    }
  };
  const outcomes = withNetfilter((connection) => operations.map((each) => outcome(connection, each)));
  console.log(JSON.stringify(outcomes, (_, each) => typeof each?.value === "bigint" ? { ip: formatIp(each) } : each));`;

/** Makes the calls on the node, one after the other in one process. */
export async function run(node: Node, variant: Variant, ...operations: Operation[]): Promise<unknown[]> {
  return fromJson(JSON.stringify(await runModule(node, source(operations, variant)))) as unknown[];
}

/** What a program prints, and the programs that it starts. */
export async function programsOf(node: Node, text: string): Promise<{ value: unknown; programs: string[] }> {
  await using script = await writeModule(text);
  const options = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", "/run/trace"];
  const { stdout } = await node.exec("strace", [...options, evaluator, ...script.words]);
  const lines = (await node.exec("cat", ["/run/trace"])).stdout.split("\n");
  const paths = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
  const programs = paths.slice(1).map((path) => path.slice(path.lastIndexOf("/") + 1));
  return { value: JSON.parse(stdout), programs };
}

/** The programs that calls start, none of which fails. */
export async function startedBy(node: Node, variant: Variant, ...operations: Operation[]): Promise<string[]> {
  const { value, programs } = await programsOf(node, source(operations, variant));
  for (const each of value as unknown[]) if (each !== null) expect(each).toBeInstanceOf(Array);
  return programs;
}

export const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

export const owner = (containerId: string, network = "net", ifname = "eth0") => ({
  network,
  containerId,
  ifname,
});

/** A record that wants masquerade of these addresses. */
export const masqueradeOf = (
  containerId: string,
  addresses: readonly string[],
  exceptions: readonly string[] = [],
): FilterRecord => ({
  owner: owner(containerId),
  kind: "interface",
  backend: "iptables",
  masquerade: { addresses: addresses.map(cidr), exceptions: exceptions.map(cidr) },
});

export type Ports = NonNullable<FilterRecord["hostPorts"]>;

export const tcp = (
  hostPort: number,
  containerPort: number,
  more: Partial<PortMapping> = {},
): PortMapping => ({
  protocol: "tcp",
  family: 4,
  hostPort,
  containerPort,
  ...more,
});

/** A record that wants host ports. */
export const portsOf = (
  containerId: string,
  targets: readonly string[],
  mappings: readonly PortMapping[],
  more: Partial<Ports> = {},
): FilterRecord => ({
  owner: owner(containerId),
  kind: "portmap",
  backend: "iptables",
  hostPorts: {
    targets: targets.map(cidr),
    mappings,
    snat: true,
    masqAll: false,
    markBit: 13,
    conditions: { 4: [], 6: [] },
    ...more,
  },
});

const anAddress = (family: 4 | 6) =>
  fc
    .tuple(
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: family === 4 ? 9 : 17, max: family === 4 ? 32 : 128 }),
    )
    .map(([host, length]) =>
      cidr(
        family === 4
          ? `10.1.${host >> 8}.${host & 0xff}/${length}`
          : `fd00:1::${host.toString(16)}/${length}`,
      ),
    );

const aNetwork = (family: 4 | 6) =>
  fc
    .integer({ min: 0, max: 200 })
    .map((part) => cidr(family === 4 ? `172.16.${part}.0/24` : `fd00:9:${part.toString(16)}::/48`));

const distinct = <Value>(values: readonly Value[], keyOf: (value: Value) => string): Value[] => [
  ...new Map(values.map((value) => [keyOf(value), value])).values(),
];

/** Names of containers: short, and as long as runtimes make them. */
export const containers = ["a", "b", "c".repeat(64), "d"];

const anOwner = fc
  .constantFrom(...containers)
  .chain((containerId) =>
    fc.constantFrom("net", "n".repeat(90)).map((network) => owner(containerId, network)),
  );

const masquerades = fc
  .record({
    four: fc.array(anAddress(4), { maxLength: 2 }),
    six: fc.array(anAddress(6), { maxLength: 2 }),
    exceptions: fc.array(fc.oneof(aNetwork(4), aNetwork(6), fc.constant(cidr("0.0.0.0/0"))), {
      maxLength: 3,
    }),
  })
  .map(({ four, six, exceptions }) => ({
    addresses: distinct([...four, ...six], ({ address }) => formatIp(address)),
    exceptions: distinct(exceptions, formatCidr),
  }));

const aMapping = (family: 4 | 6): fc.Arbitrary<PortMapping> =>
  fc
    .record({
      protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
      hostPort: fc.integer({ min: 1, max: 12 }),
      containerPort: fc.integer({ min: 1, max: 65535 }),
      host: fc.option(fc.constantFrom(1, 2)),
    })
    .map(({ host, ...plain }) => {
      const hostIp =
        host === null ? undefined : parseIp(family === 4 ? `192.0.2.${host}` : `2001:db8::${host}`);
      return { ...plain, family, ...(hostIp === undefined ? {} : { hostIp }) };
    });

const conditions = fc.constantFrom(
  { 4: [], 6: [] },
  { 4: ["-i", "lo"], 6: ["!", "-s", "fd00:5::/64"] },
  { 4: ["-m", "comment", "--comment", 'a "b" c'], 6: ["-m", "mark", "--mark", "0x4"] },
);

const ports = fc
  .record({
    target4: fc.option(anAddress(4)),
    target6: fc.option(anAddress(6)),
    four: fc.array(aMapping(4), { maxLength: 3 }),
    six: fc.array(aMapping(6), { maxLength: 3 }),
    snat: fc.boolean(),
    masqAll: fc.boolean(),
    markBit: fc.constantFrom(0, 13, 31),
    conditions,
  })
  .map(({ target4, target6, four, six, ...rest }) => ({
    ...rest,
    targets: [target4, target6].filter((target) => target !== null),
    mappings: distinct(
      [...(target4 === null ? [] : four), ...(target6 === null ? [] : six)],
      ({ protocol, hostPort, hostIp, family }) =>
        `${protocol} ${hostPort} ${family} ${hostIp && formatIp(hostIp)}`,
    ),
  }));

/** Records of few owners, so that many of them replace another. */
export const aRecord: fc.Arbitrary<FilterRecord> = fc.oneof(
  fc
    .tuple(anOwner, masquerades)
    .map(
      ([who, masquerade]) => ({ owner: who, kind: "interface", backend: "iptables", masquerade }) as const,
    ),
  fc
    .tuple(anOwner, ports)
    .map(([who, hostPorts]) => ({ owner: who, kind: "portmap", backend: "iptables", hostPorts }) as const),
);
