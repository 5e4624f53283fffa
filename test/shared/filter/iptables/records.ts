/** Records for tests: by hand, and arbitrary ones. */
import fc from "fast-check";
import type { FilterRecord, Ingress, PortMapping } from "../../../../shared/filter/record.ts";
import { formatIp, parseIp } from "../../../../shared/ip/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../../../../shared/ip/cidr.ts";

const isAddress = (value: unknown): value is { family: 4 | 6; value: bigint } =>
  typeof value === "object" && value !== null && "value" in value && "family" in value;

/** A value as JSON: addresses are texts below the key "ip". */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (isAddress(each) ? { ip: formatIp(each) } : each));

export const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, each) => (typeof each?.ip === "string" ? parseIp(each.ip) : each));

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
  { 4: ["!", "-d", "192.0.2.0/24"], 6: ["-d", "2001:db8::/64", "-i", "lo"] },
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

const isolated: readonly Ingress[] = [{ bridge: "cni0", policy: "isolated" }];

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
  fc
    .tuple(anOwner, fc.array(fc.oneof(anAddress(4), anAddress(6)), { minLength: 1, maxLength: 2 }))
    .map(([who, addresses]) => ({
      owner: who,
      kind: "firewall" as const,
      backend: "iptables" as const,
      addresses: distinct(addresses, ({ address }) => formatIp(address)),
      // The rules do not say which of several containers has a policy: all have the same.
      firewall: { admins: ["CNI-ADMIN"], ingress: isolated },
    })),
);
