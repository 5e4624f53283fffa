import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FilterRecord } from "../../../../shared/filter/record.ts";
import {
  canRun,
  createNode,
  type Node,
  referenceBin,
  referencePlugin,
  runModule,
} from "../../../helpers/index.ts";
import { masqueradeOf, owner, portsOf, tcp, toJson } from "../iptables/records.ts";
import {
  environmentOf,
  installVariants,
  programsOf,
  rulesOf,
  runIptables,
  tools,
  type Variant,
  variants,
} from "../iptables/world.ts";
import {
  comment,
  type Form,
  forms,
  masqueradeRule,
  masqueradeTable,
  type Owner,
  portTable,
} from "./rules.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
  await node.addNetns("pod");
});
afterEach(() => node.dispose());

/** The source of a program that makes one call and prints what it returned, or how it failed. */
const source = (variant: Variant, name: string, ...values: unknown[]): string => `
  import * as reference from "./shared/filter/reference/index.ts";
  import { parseIp } from "./shared/ip/address.ts";
  import { withNetfilter } from "./shared/netlink/netfilter.ts";
  const values = JSON.parse(${JSON.stringify(toJson(values))}, (_, each) => typeof each?.ip === "string" ? parseIp(each.ip) : each);
  const work = (connection) => {
    try {
      return reference.${name}({ connection, environment: ${JSON.stringify(environmentOf(variant))} }, ...values) ?? null;
    } catch ({ code, message, stack }) {
      return { code, message, ...(code === undefined ? { stack } : {}) };
    }
  };
  console.log(JSON.stringify(withNetfilter(work)));`;

const call = (variant: Variant, name: string, ...values: unknown[]) =>
  runModule<unknown>(node, source(variant, name, ...values));

const missing = (words: RegExp) => ({ code: 999, message: expect.stringMatching(words) });

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] };
const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, macspoofchk: true, ipam };

interface Result {
  readonly ips: readonly { readonly address: string }[];
}

/** ADD by a plugin of the reference. */
async function add(variant: Variant, who: Owner, configuration: { type: string }): Promise<Result> {
  const { network, containerId, ifname } = who;
  const variables = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: containerId,
    CNI_IFNAME: ifname,
    CNI_NETNS: "/run/netns/pod",
    CNI_PATH: referenceBin,
  };
  const input = JSON.stringify({ cniVersion: "1.0.0", name: network, ...configuration });
  const env = { ...environmentOf(variant), ...variables };
  const { stdout } = await node.exec(referencePlugin(configuration.type), [], { input, env });
  return JSON.parse(stdout) as Result;
}

const attach = (variant: Variant, who: Owner) => add(variant, who, bridge);

const forward = (variant: Variant, who: Owner, prevResult: object, port: number) =>
  add(variant, who, {
    type: "portmap",
    capabilities: { portMappings: true },
    runtimeConfig: {
      portMappings: [
        { hostPort: port, containerPort: 80, protocol: "tcp" },
        { hostPort: port, containerPort: 53, protocol: "udp" },
      ],
    },
    prevResult,
  } as { type: string });

const recordOf = (who: Owner, { ips }: Result): FilterRecord => ({
  ...masqueradeOf(
    "",
    ips.map(({ address }) => address),
  ),
  owner: who,
  spoofCheck: { port: "veth0", mac: "02:00:00:00:00:01" },
});

const portRecord = (who: Owner, { ips }: Result, hostPort: number): FilterRecord => ({
  ...portsOf(
    "",
    ips.map(({ address }) => address),
    ([4, 6] as const).flatMap((family) => [
      tcp(hostPort, 80, { family }),
      tcp(hostPort, 53, { family, protocol: "udp" }),
    ]),
  ),
  owner: who,
});

const nftables = async () => (await node.exec("nft", ["list", "ruleset"])).stdout;

describe.runIf(canRun(...tools, referencePlugin("bridge"), referencePlugin("portmap"))).each(variants)(
  "what the reference made with iptables (%s)",
  (variant) => {
    const everything = async () => ({
      nat4: await rulesOf(node, variant, 4),
      nat6: await rulesOf(node, variant, 6),
      bridge: (await node.exec("nft", ["list", "table", "bridge", "nat"])).stdout,
    });
    const remove = async (who: Owner, kind: string, hasSiblings = false) => {
      expect(await call(variant, "removeReference", who, kind, hasSiblings)).toBeNull();
    };

    test("for an attachment goes with it, for others it stays", async () => {
      await attach(variant, owner("other"));
      await attach(variant, owner("c1", "second", "eth1"));
      const before = await everything();
      await attach(variant, owner("c1", "net", "eth2"));
      const during = await everything();
      expect([during.nat4.length, during.nat6.length]).toEqual([
        before.nat4.length + 4,
        before.nat6.length + 4,
      ]);
      expect(during.bridge).toContain("macspoofchk-c1-eth2");
      for (let time = 1; time <= 2; time++) {
        await remove(owner("c1", "net", "eth2"), "interface");
        expect(await everything()).toEqual(before);
      }
    });

    test("for all interfaces of a container stays until the last one goes", async () => {
      await attach(variant, owner("c1"));
      await attach(variant, owner("c1", "net", "eth1"));
      const before = await everything();
      await remove(owner("c1"), "interface", true);
      const between = await everything();
      expect([between.nat4, between.nat6]).toEqual([before.nat4, before.nat6]);
      expect(between.bridge).not.toContain("macspoofchk-c1-eth0");
      expect(between.bridge).toContain("macspoofchk-c1-eth1");
      await remove(owner("c1", "net", "eth1"), "interface");
      const after = await everything();
      expect([after.nat4, after.nat6]).toEqual([[], []]);
      expect(after.bridge).not.toContain("cni-br-iface");
    });

    test("is collected for attachments that are not to be kept", async () => {
      const kept = owner("kept");
      const result = await attach(variant, kept);
      await attach(variant, owner("kept", "second", "eth1"));
      await forward(variant, kept, result, 8080);
      const before = await everything();
      const stale = owner("stale", "net", "eth2");
      await forward(variant, stale, await attach(variant, stale), 8081);
      for (const kind of ["interface", "portmap"]) {
        expect(await call(variant, "collectReference", "net", [kept], kind)).toBeNull();
      }
      const after = await everything();
      expect([after.nat4, after.nat6]).toEqual([before.nat4, before.nat6]);
    });

    test("for host ports goes with its container's, and others' stay", async () => {
      const [a, b] = [owner("a"), owner("b", "net", "eth1")];
      await forward(variant, a, await attach(variant, a), 8080);
      const before = await everything();
      await forward(variant, b, await attach(variant, b), 8081);
      for (let time = 1; time <= 2; time++) {
        await remove(b, "portmap");
        await remove(b, "interface");
        expect(await everything()).toEqual(before);
      }
    });

    test("is checked: the masquerade with its jump and the spoof check, and the host ports", async () => {
      const who = owner("c1");
      const check = (record: FilterRecord) => call(variant, "checkReference", record);
      const result = await attach(variant, who);
      const record = recordOf(who, result);
      const ports = portRecord(who, result, 8080);
      expect(await check(record)).toBe(true);
      expect(await check(ports)).toBe(false);
      expect(await check({ ...record, owner: owner("c2") })).toBe(false);
      await forward(variant, who, result, 8080);
      expect(await check(ports)).toBe(true);
      expect(await check(portRecord(who, result, 9999))).toMatchObject(
        missing(/for tcp port 9999 of all IPv4 addresses/),
      );
      const wrong = {
        ...record,
        masquerade: {
          addresses: masqueradeOf("", ["10.1.0.77/24"]).masquerade?.addresses ?? [],
          exceptions: [],
        },
      };
      expect(await check(wrong)).toMatchObject(missing(/masquerade of 10\.1\.0\.77 \(IPv4\)/));
      await runIptables(node, variant, "-F CNI-HOSTPORT-DNAT");
      expect(await check(ports)).toMatchObject(
        missing(/the way from CNI-HOSTPORT-DNAT to CNI-DN-\w+ \(IPv4\)/),
      );
      await node.exec("nft", ["flush ruleset bridge"]);
      expect(await check(record)).toMatchObject(missing(/the spoof check/));
      const chain = "$(iptables-save -t nat | sed -n 's/^:\\(CNI-[0-9a-f]\\{24\\}\\) .*/\\1/p')";
      await runIptables(node, variant, `-F ${chain}`);
      expect(await check({ ...record, spoofCheck: undefined } as never)).toMatchObject(
        missing(/masquerade \(IPv4\)/),
      );
    });
  },
);

describe.runIf(canRun(...tools))("where the reference made nothing", () => {
  test.each(["interface", "portmap"])("no process is started (%s)", async (kind) => {
    const record =
      kind === "interface"
        ? masqueradeOf("a", ["10.1.0.2/24"])
        : portsOf("a", ["10.1.0.2/24"], [tcp(80, 80)]);
    const before = await node.snapshot(["/var/lib"]);
    const sources = [
      source("nf_tables", "removeReference", owner("a"), kind, false),
      source("nf_tables", "collectReference", "net", [], kind),
      source("nf_tables", "checkReference", record),
    ];
    for (const each of sources) expect((await programsOf(node, each)).programs).toEqual([]);
    expect(await call("nf_tables", "checkReference", record)).toBe(false);
    expect(await node.snapshot(["/var/lib"])).toEqual(before);
  });
});

const ofContainer = (id: string) => (rule: string) => `${rule} comment "${id}"`;

const ruleset = (form: Form, ...rules: string[]) => `
  ${masqueradeTable(rules)}
  ${portTable(
    "ip",
    form,
    [
      ofContainer("id-a")(
        form === forms[0]
          ? "ip protocol tcp th dport 8080 dnat ip addr . port to 10.1.0.2 . 80"
          : "tcp dport 8080 dnat to 10.1.0.2:80",
      ),
      ofContainer("id-ab")("tcp dport 8081 dnat to 10.1.0.3:80"),
    ],
    [
      ofContainer("id-a")("ip daddr 192.0.2.1 udp dport 53 dnat to 10.1.0.2:5353"),
      ofContainer("id-ab")("ip daddr 192.0.2.9 udp dport 54 dnat to 10.1.0.3:5353"),
    ],
    [
      ofContainer("id-a")("ip saddr 10.1.0.2 ip daddr 10.1.0.2 masquerade"),
      ofContainer("id-a")("ip saddr 127.0.0.1 ip daddr 10.1.0.2 masquerade"),
    ],
  )}
  ${portTable(
    "ip6",
    form,
    [ofContainer("id-a")("tcp dport 8080 dnat to [fd00:1::2]:80")],
    [],
    [ofContainer("id-a")("ip6 saddr fd00:1::2 ip6 daddr fd00:1::2 masquerade")],
  )}`;

describe.runIf(canRun(...tools)).each(forms)("what a newer reference made with nftables (%s)", (form) => {
  const a = owner("id-a");
  const long = owner("c".repeat(64), "n".repeat(80));
  const call4 = (name: string, ...values: unknown[]) => call("nf_tables", name, ...values);
  const load = () =>
    node.exec("nft", ["-f", "-"], {
      input: ruleset(
        form,
        masqueradeRule(a, "10.1.0.2", "10.1.0.0/24"),
        masqueradeRule(a, "fd00:1::2", "fd00:1::/64"),
        masqueradeRule(owner("id-a", "net", "eth1"), "10.1.0.4", "10.1.0.0/24"),
        masqueradeRule(owner("id-a", "net2"), "10.2.0.2", "10.2.0.0/24"),
        masqueradeRule(long, "10.3.0.2", "10.3.0.0/24"),
      ),
    });

  test("goes with its attachment, and nothing of others", async () => {
    await load();
    expect(await call4("removeReference", a, "interface", true)).toBeNull();
    const masquerade = (await nftables()).match(/masquerade comment "[^"]{33}.*"/g) ?? [];
    expect(masquerade.filter((rule) => rule.includes(", net:"))).toHaveLength(3);
    expect(await nftables()).not.toContain(comment(a));
    expect(await call4("removeReference", long, "interface", false)).toBeNull();
    expect(await nftables()).not.toContain("10.3.0.2");
    expect(await nftables()).toContain('"id-a"');
    expect(await call4("removeReference", a, "portmap", false)).toBeNull();
    expect(await nftables()).not.toContain('"id-a"');
    expect(await nftables()).toContain('comment "id-ab"');
    const before = await nftables();
    for (const kind of ["interface", "portmap"]) {
      expect(await call4("removeReference", a, kind, false)).toBeNull();
    }
    expect(await nftables()).toBe(before);
  });

  test("is collected for attachments of the network that are not to be kept", async () => {
    await load();
    for (const kind of ["interface", "portmap"]) {
      expect(await call4("collectReference", "net", [a, owner("gone")], kind)).toBeNull();
    }
    const left = await nftables();
    for (const address of ["10.1.0.2", "fd00:1::2", "10.2.0.2", "10.3.0.2"]) {
      expect(left).toContain(`saddr ${address} `);
    }
    expect(left).not.toContain("saddr 10.1.0.4 ");
    expect(left).toContain('comment "id-ab"');
  });

  test("is checked", async () => {
    const masquerade = masqueradeOf("id-a", ["10.1.0.2/24", "fd00:1::2/64"]);
    const udp = tcp(53, 5353, { protocol: "udp", hostIp: { family: 4, value: 0xc0000201n } });
    const ports = portsOf(
      "id-a",
      ["10.1.0.2/24", "fd00:1::2/64"],
      [tcp(8080, 80), udp, tcp(8080, 80, { family: 6 })],
    );
    for (const record of [masquerade, ports]) expect(await call4("checkReference", record)).toBe(false);
    await load();
    for (const record of [masquerade, ports]) expect(await call4("checkReference", record)).toBe(true);
    const more = masqueradeOf("id-a", ["10.1.0.2/24", "10.1.0.9/24"]);
    expect(await call4("checkReference", more)).toMatchObject(missing(/masquerade of 10\.1\.0\.9 \(IPv4\)/));
    const other = portsOf("id-a", ["10.1.0.2/24"], [tcp(8080, 81)]);
    expect(await call4("checkReference", other)).toMatchObject(
      missing(/tcp port 8080 of all IPv4 addresses/),
    );
    const ofOther = { ...udp, hostPort: 54, hostIp: { family: 4, value: 0xc0000209n } } as const;
    expect(await call4("checkReference", portsOf("id-a", ["10.1.0.2/24"], [ofOther]))).toMatchObject(
      missing(/udp port 54 of 192\.0\.2\.9/),
    );
    const elsewhere = { ...udp, hostIp: { family: 4, value: 0xc0000202n } } as const;
    expect(await call4("checkReference", portsOf("id-a", ["10.1.0.2/24"], [elsewhere]))).toMatchObject(
      missing(/udp port 53 of 192\.0\.2\.2/),
    );
    await node.exec("nft", ["flush chain inet cni_plugins_masquerade postrouting"]);
    expect(await call4("checkReference", masquerade)).toMatchObject(missing(/masquerade \(IPv4\)/));
    await node.exec("nft", ["flush chain ip cni_hostport masquerading"]);
    expect(await call4("checkReference", ports)).toMatchObject(missing(/masquerade of host ports \(IPv4\)/));
    expect(await call4("checkReference", { ...ports, hostPorts: { ...ports.hostPorts, snat: false } })).toBe(
      true,
    );
    await node.exec("nft", ["flush chain ip6 cni_hostport prerouting"]);
    expect(await call4("checkReference", ports)).toMatchObject(
      missing(/the way from prerouting to hostports \(IPv6\)/),
    );
  });
});
