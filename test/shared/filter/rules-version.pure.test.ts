import { expect, test } from "vitest";
import { makeGuard } from "../../../plugins/vxlan/guard-rule.ts";
import { features, furtherGroups, structureOf } from "../../../shared/filter/projection.ts";
import type { FilterRecord, HostPorts } from "../../../shared/filter/record.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import { RULES_VERSION } from "../../../shared/nftables/user-data.ts";
import { sha512 } from "../../../shared/system/hash.ts";
import { cidr } from "./arbitrary.ts";

const shared = {
  owner: { network: "n", containerId: "c", ifname: "i" },
  kind: "interface",
  backend: "nftables",
} as const;
const addresses = ["10.1.0.2/24", "10.1.0.3/32", "fd00:1::2/64", "fd00:1::3/128"].map(cidr);
const exceptions = ["192.0.2.0/24", "2001:db8::/33"].map(cidr);

const ports = (more: Partial<HostPorts>): FilterRecord => ({
  ...shared,
  kind: "portmap",
  hostPorts: {
    targets: ["10.1.0.2/24", "fd00:1::2/64"].map(cidr),
    mappings: ([4, 6] as const).map((family) => ({ protocol: "tcp", family, hostPort: 1, containerPort: 1 })),
    snat: true,
    masqAll: false,
    markBit: 13,
    conditions: { 4: [], 6: [] },
    ...more,
  },
});

/** Records that make every kind of rule. */
const records: FilterRecord[] = [
  { ...shared, masquerade: { addresses, exceptions: [] } },
  { ...shared, masquerade: { addresses, exceptions } },
  { ...shared, spoofCheck: { port: "veth1", mac: "02:00:00:00:00:01" } },
  {
    ...shared,
    kind: "firewall",
    addresses,
    firewall: { admins: ["CNI-ADMIN"], ingress: [{ bridge: "cni0", policy: "isolated" }] },
  },
  ports({}),
  ports({ snat: false }),
  ports({ masqAll: true }),
  ports({
    markBit: 20,
    conditions: {
      4: ["ip", "saddr", "!=", "192.0.2.0/25", "iifname", "eth0"],
      6: ["ip6", "daddr", "{", "2001:db8::1", ",", "fd00::/7", "}"],
    },
  }),
];

function digestOfRules(): string {
  const { chains } = structureOf(furtherGroups([], records));
  const bytesOf = (write: (writer: BodyWriter) => void) => {
    const writer = new BodyWriter();
    write(writer);
    return String(writer.finish());
  };
  const rules = chains.map(({ table, name, hook, rules: list }) => [
    [table, name, hook],
    list.map(({ comment, expressions }) => [
      comment,
      expressions.map((each) => [each.name, bytesOf(each.write)]),
    ]),
  ]);
  const guards = ([4, 6] as const).flatMap((family) =>
    [{}, { underlay: "eth0" }].flatMap((more) =>
      makeGuard({ network: "n", vni: 100, port: 4789, family, ...more }).map(({ body }) => String(body)),
    ),
  );
  return sha512(JSON.stringify([rules, guards])).slice(0, 16);
}

test("rules that do something else under the same comment, or see other packets, have another version", () => {
  // A change of every kind of rule is seen.
  const kinds = new Set(furtherGroups([], records).map(({ kind }) => kind));
  // What the groups of administrators' chains want is in iptables' tables.
  kinds.delete("admin");
  expect([...kinds].sort()).toEqual(features.map(({ kind }) => kind).sort());
  // Where the digest differs, RULES_VERSION has to be raised with it: ADD takes a rule of this version as it is.
  expect({ version: RULES_VERSION, digest: digestOfRules() }).toEqual({
    version: 4,
    digest: "1dfe8cdb70a960d6",
  });
});
