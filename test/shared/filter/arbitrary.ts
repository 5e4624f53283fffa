/** Arbitrary records: of few owners, addresses and ports, so that many of them want the same. */
import fc from "fast-check";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type Firewall,
  type HostPorts,
  type Ingress,
  type PortMapping,
  targetOf,
} from "../../../shared/filter/record.ts";
import { type Family, formatIp, parseIp } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, hostCidr, parseCidr } from "../../../shared/ip/cidr.ts";

export const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

const ip = (text: string) => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

const distinct = <Value>(values: readonly Value[], keyOf: (value: Value) => string): Value[] => [
  ...new Map(values.map((value) => [keyOf(value), value])).values(),
];

/** Names that begin alike, and names longer than comments hold. */
export const networks = ["net", "net2", "n".repeat(60)];
const containers = ["c1", "c11", "c".repeat(64)];

export const anOwner: fc.Arbitrary<AttachmentKey> = fc.record({
  network: fc.constantFrom(...networks),
  containerId: fc.constantFrom(...containers),
  ifname: fc.constantFrom("eth0", "eth1"),
});

const anAddress = (family: Family): fc.Arbitrary<Cidr> =>
  fc
    .record({
      host: fc.integer({ min: 2, max: 9 }),
      network: fc.integer({ min: 1, max: 2 }),
      isSingle: fc.boolean(),
    })
    .map(({ host, network, isSingle }) =>
      cidr(
        family === 4
          ? `10.${network}.0.${host}/${isSingle ? 32 : 24}`
          : `fd00:${network}::${host}/${isSingle ? 128 : 64}`,
      ),
    );

const exceptions = fc.subarray(
  ["192.0.2.0/24", "10.2.0.0/15", "0.0.0.0/0", "fd00:9::/33", "::/0"].map(cidr),
  { maxLength: 3 },
);

const byAddress = ({ address }: Cidr) => formatIp(address);

const aMasquerade = fc
  .record({
    addresses: fc.array(fc.oneof(anAddress(4), anAddress(6)), { minLength: 1, maxLength: 3 }),
    exceptions,
  })
  .map(({ addresses, exceptions: others }) => ({
    addresses: distinct(addresses, byAddress),
    exceptions: others,
  }));

const hostIps = { 4: ip("192.0.2.1"), 6: ip("2001:db8::1") };

const aMapping: fc.Arbitrary<PortMapping> = fc
  .record({
    protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
    family: fc.constantFrom<Family>(4, 6),
    hostPort: fc.constantFrom(1, 80, 81, 65535),
    containerPort: fc.constantFrom(1, 80, 255, 256, 65535),
    isSpecific: fc.boolean(),
  })
  .map(({ isSpecific, ...plain }) => (isSpecific ? { ...plain, hostIp: hostIps[plain.family] } : plain));

const portName = ({ protocol, family, hostIp, hostPort }: PortMapping) =>
  `${protocol} ${family} ${hostIp === undefined ? "any" : formatIp(hostIp)} ${hostPort}`;

const conditions = fc.constantFrom(
  { 4: [], 6: [] },
  { 4: ["ip", "saddr", "!=", "198.51.100.1"], 6: [] },
  { 4: ["ip", "saddr", "{", "192.0.2.0/24", ",", "192.0.3.7", "}"], 6: ["iifname", "eth0"] },
);

/** Host ports without what only iptables has. At least one mapping leads somewhere. */
const hostPorts: fc.Arbitrary<HostPorts> = fc
  .record({
    targets: fc.tuple(anAddress(4), anAddress(6)),
    mappings: fc.array(aMapping, { minLength: 1, maxLength: 4 }),
    snat: fc.boolean(),
    masqAll: fc.boolean(),
    markBit: fc.constantFrom(13, 0, 31),
    conditions,
  })
  .map(({ targets, mappings, ...rest }) => {
    const wanted = distinct(mappings, portName);
    const families = new Set(wanted.map(({ family }) => family));
    return {
      ...rest,
      // Whether all clients get the node's address is of no consequence where none does.
      masqAll: rest.snat && rest.masqAll,
      targets: targets.filter(({ address }) => families.has(address.family)),
      mappings: wanted,
    };
  });

const aNamespace = fc.constantFrom({ path: "/run/netns/a", identity: "4:1" }, { path: "", identity: "" });

const aMac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":"));

/** No two attachments have the same port: it is called by the owner. */
const portOf = ({ network, containerId, ifname }: AttachmentKey) =>
  `v${networks.indexOf(network)}${containers.indexOf(containerId)}${ifname}`;

const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 3 });

const interfaceRecord: fc.Arbitrary<FilterRecord> = fc
  .record({
    owner: anOwner,
    namespace: optional(aNamespace),
    masquerade: optional(aMasquerade),
    mac: optional(aMac),
  })
  .map(({ owner, namespace, masquerade, mac }) => ({
    owner,
    kind: "interface" as const,
    backend: "nftables" as const,
    ...(namespace === undefined ? {} : { namespace }),
    ...(masquerade === undefined ? {} : { masquerade }),
    ...(mac === undefined ? {} : { spoofCheck: { port: portOf(owner), mac } }),
  }))
  .filter(({ masquerade, spoofCheck }) => masquerade !== undefined || spoofCheck !== undefined);

const portRecord: fc.Arbitrary<FilterRecord> = fc
  .record({ owner: anOwner, namespace: optional(aNamespace), hostPorts })
  .map(({ owner, namespace, hostPorts: ports }) => ({
    owner,
    kind: "portmap" as const,
    backend: "nftables" as const,
    ...(namespace === undefined ? {} : { namespace }),
    hostPorts: ports,
  }));

const firewall: fc.Arbitrary<Firewall> = fc.record({
  admins: fc.constantFrom(["CNI-ADMIN"], ["SITE"]),
  ingress: fc.subarray<Ingress>(
    [
      { bridge: "cni0", policy: "same-bridge" },
      { bridge: "cni1", policy: "isolated" },
    ],
    { maxLength: 1 },
  ),
});

const firewallRecord: fc.Arbitrary<FilterRecord> = fc
  .record({
    owner: anOwner,
    namespace: optional(aNamespace),
    addresses: fc.array(fc.oneof(anAddress(4), anAddress(6)), { minLength: 1, maxLength: 3 }),
    firewall,
  })
  .map(({ namespace, addresses, ...rest }) => ({
    ...rest,
    kind: "firewall" as const,
    backend: "nftables" as const,
    ...(namespace === undefined ? {} : { namespace }),
    addresses: distinct(addresses, byAddress),
  }));

/** Records for nftables. */
export const aRecord: fc.Arbitrary<FilterRecord> = fc.oneof(interfaceRecord, portRecord, firewallRecord);

/** The same for iptables, whose rules do not say which of several containers wants what of the shared chains. */
const onIptables = (record: FilterRecord): FilterRecord => ({
  ...record,
  backend: "iptables",
  ...(record.firewall === undefined ? {} : { firewall: { admins: ["CNI-ADMIN"], ingress: [] } }),
});

/** Records of either backend that both can make. */
export const mixedRecord: fc.Arbitrary<FilterRecord> = fc
  .tuple(aRecord, fc.boolean())
  .map(([record, isIptables]) => {
    const { 4: four = [], 6: six = [] } = record.hostPorts?.conditions ?? {};
    // The spoof check is nftables always.
    const isLeft = record.spoofCheck === undefined || record.masquerade !== undefined;
    return isIptables && isLeft && four.length + six.length === 0 ? onIptables(record) : record;
  });

/** Records of either backend, some with what iptables alone has. */
export const anyRecord: fc.Arbitrary<FilterRecord> = fc
  .tuple(aRecord, fc.boolean(), fc.boolean())
  .map(([record, isIptables, hasChain]) => {
    if (!isIptables) return record;
    const { hostPorts: ports } = record;
    const more =
      ports === undefined || !hasChain
        ? {}
        : { hostPorts: { ...ports, externalSetMarkChain: "KUBE-MARK-MASQ" } };
    return { ...onIptables(record), ...more };
  });

/** What of host ports the rules of iptables say: without a marked source, neither the mark nor the container's network. */
function recoverablePorts(ports: HostPorts): HostPorts {
  const targets = ports.targets.map(({ address }) => hostCidr(address));
  if (!ports.snat) return { ...ports, targets, markBit: DEFAULT_MARK_BIT };
  return ports.masqAll ? { ...ports, targets } : ports;
}

/** What of a record the kernel's tables say: not its namespace, nor exceptions of a family without an address. */
export function recoverable({ namespace: _, ...record }: FilterRecord): FilterRecord {
  const { masquerade, hostPorts: ports, backend, addresses } = record;
  // Nor the networks of addresses that are not masqueraded.
  if (addresses !== undefined)
    return { ...record, addresses: addresses.map(({ address }) => hostCidr(address)) };
  if (ports !== undefined && backend === "iptables") return { ...record, hostPorts: recoverablePorts(ports) };
  if (masquerade === undefined) return record;
  const families = new Set(masquerade.addresses.map(({ address }) => address.family));
  const kept = masquerade.exceptions.filter(({ address }) => families.has(address.family));
  return { ...record, masquerade: { ...masquerade, exceptions: kept } };
}

/** A record as lines in an order that does not depend on the order of its lists. */
export function recordLines(record: FilterRecord): string[] {
  const { owner, kind, backend, masquerade, spoofCheck, hostPorts: ports, addresses = [] } = record;
  const who = `${owner.network} ${owner.containerId} ${owner.ifname} ${kind} ${backend}`;
  const lines = [
    ...(masquerade?.addresses ?? []).map((address) => `masquerade ${formatCidr(address)}`),
    ...(masquerade?.exceptions ?? []).map((network) => `exception ${formatCidr(network)}`),
    ...(spoofCheck === undefined ? [] : [`${spoofCheck.port} has ${spoofCheck.mac}`]),
    ...addresses.map((address) => `forwarded ${formatCidr(address)}`),
    ...(record.firewall === undefined ? [] : [`firewall ${JSON.stringify(record.firewall)}`]),
  ];
  if (ports !== undefined) {
    const { snat, masqAll, markBit, conditions: words } = ports;
    lines.push(`ports ${JSON.stringify({ snat, masqAll, markBit, words })}`);
    for (const mapping of ports.mappings) {
      const target = targetOf(ports, mapping);
      lines.push(`${portName(mapping)} to ${target && formatCidr(target)} ${mapping.containerPort}`);
    }
  }
  return lines.map((line) => `${who}: ${line}`);
}
