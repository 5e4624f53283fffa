import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AttachmentKey } from "../../../../shared/cni/plugin.ts";
import { type Family, isSameIp } from "../../../../shared/ip/address.ts";
import { type Cidr, formatCidr, networkOf } from "../../../../shared/ip/cidr.ts";
import type { Expression } from "../../../../shared/netfilter/nftables/expression.ts";
import {
  addressData,
  addressesOf,
  chainsOf,
  profileOf,
  rulesAsking,
} from "../../../../shared/netfilter/nftables/masquerade-rules.ts";
import type { HeldRule } from "../../../../shared/netfilter/nftables/message.ts";
import { matchNetwork } from "../../../../shared/netfilter/nftables/own-table.ts";
import {
  decodeUserData,
  encodeUserData,
  textDatum,
} from "../../../../shared/netfilter/nftables/user-data.ts";
import { Attributes } from "../../../../shared/netlink/attributes.ts";
import { BodyWriter } from "../../../../shared/netlink/body-writer.ts";
import { canRun, createNode, type Node, runModule } from "../../../helpers/index.ts";

const aCidr = (family: Family) =>
  fc
    .record({
      value: fc.bigInt(0n, (1n << BigInt(family === 4 ? 32 : 128)) - 1n),
      prefixLength: fc.nat(family === 4 ? 32 : 128),
    })
    .map(({ value, prefixLength }): Cidr => ({ address: { family, value }, prefixLength }));
const anyCidr = fc.oneof(aCidr(4), aCidr(6));

/** As nft's scanner takes them (src/scanner.l: string). */
const nftName = /^[a-zA-Z][a-zA-Z0-9/\\_.-]*$/;

describe("the names and comments of a network", () => {
  test("are such that nft takes them, whatever the network", () => {
    fc.assert(
      fc.property(anyCidr, (cidr) => {
        const profile = profileOf(cidr, []);
        expect(profile.set).toMatch(nftName);
        expect(profile.chain).toMatch(nftName);
        for (const { first, others = [] } of chainsOf([profile])) {
          for (const { comment } of [...first, ...others]) expect(comment.length).toBeLessThanOrEqual(128);
        }
      }),
    );
  });

  test("are the same for all addresses of a network, and of no other", () => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (one, other) => {
        expect(profileOf(networkOf(one), [])).toEqual(profileOf(one, []));
        fc.pre(formatCidr(networkOf(one)) !== formatCidr(networkOf(other)));
        fc.pre(one.prefixLength < 32 && other.prefixLength < 32);
        expect(profileOf(one, []).set).not.toBe(profileOf(other, []).set);
      }),
    );
  });

  test("lead from a rule to its set, and from no other rule", () => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (one, other) => {
        const profiles = [one, other].map((cidr) => profileOf(cidr, []));
        const [base] = chainsOf(profiles);
        const held = [...(base?.first ?? []), ...(base?.others ?? [])].map(
          ({ comment }): HeldRule => ({
            chain: "postrouting",
            handle: 1n,
            comment,
            isMade: true,
            body: new Uint8Array(),
          }),
        );
        for (const { set } of profiles) {
          const found = rulesAsking(held, set);
          expect(found.length).toBe(profiles.filter((profile) => profile.set === set).length);
          expect(found.every(({ comment }) => comment.startsWith(`${set} `))).toBe(true);
        }
        expect(
          rulesAsking(
            held.map((rule) => ({ ...rule, chain: "other" })),
            profiles[0]?.set ?? "",
          ),
        ).toEqual([]);
      }),
    );
  });
});

const anOwner = fc.record({
  network: fc.stringMatching(/^[a-z0-9][a-zA-Z0-9_.-]{0,20}$/),
  containerId: fc.stringMatching(/^[a-f0-9]{1,35}$/),
  ifname: fc.constantFrom("eth0", "ééééééé", "日本語日本"),
});

describe("the addresses kept with an attachment", () => {
  test("come back as they were, or are left out where they do not fit", () => {
    fc.assert(
      fc.property(
        anOwner,
        fc.array(anyCidr, { minLength: 1, maxLength: 8 }),
        (owner: AttachmentKey, addresses) => {
          const data = addressData(owner, addresses);
          const comment = `podwire network=${owner.network} container=${owner.containerId} interface=${owner.ifname}`;
          const bytes = encodeUserData([textDatum(0, comment), ...data]);
          // NFT_USERDATA_MAXLEN.
          expect(bytes.length).toBeLessThanOrEqual(256);
          const held = { key: bytes, value: bytes, comment, userData: decodeUserData(bytes) };
          const found = addressesOf(held);
          if (data.length === 0) {
            expect(found).toBeUndefined();
            return;
          }
          expect(found).toHaveLength(addresses.length);
          for (const [index, { address }] of addresses.entries()) {
            expect(isSameIp(found?.[index] ?? { family: 4, value: -1n }, address)).toBe(true);
          }
        },
      ),
    );
  });

  test("are kept for two addresses of a family each, and not for many", () => {
    const owner = { network: "net", containerId: "c".repeat(64), ifname: "eth0" };
    const cidr = (value: bigint): Cidr => ({ address: { family: 6, value }, prefixLength: 64 });
    expect(addressData(owner, [cidr(1n << 127n), cidr((1n << 127n) + 1n)])).toHaveLength(1);
    const many = Array.from({ length: 20 }, (_, index) => cidr((1n << 127n) + BigInt(index)));
    expect(addressData(owner, many)).toEqual([]);
  });
});

/** An expression as nft prints it with --debug=netlink. */
const printed = ({ name, write }: Expression): string => {
  const writer = new BodyWriter();
  write(writer);
  const data = new Attributes(writer.finish());
  const number = (type: number) => data.u32be(type) ?? 0;
  const words = (type: number) => {
    const bytes = data.nested(type).bytes(1) ?? new Uint8Array();
    // nft prints registers of four bytes as numbers of the machine, the last one shorter.
    const parts: string[] = [];
    for (let at = 0; at < bytes.length; at += 4) {
      const part = [...bytes.subarray(at, at + 4)].reverse();
      parts.push(
        `0x${part
          .map((byte) => byte.toString(16).padStart(2, "0"))
          .join("")
          .padStart(8, "0")}`,
      );
    }
    return parts.join(" ");
  };
  if (name === "meta") return `[ meta load nfproto => reg ${number(1)} ]`;
  if (name === "payload")
    return `[ payload load ${number(4)}b @ network header + ${number(3)} => reg ${number(1)} ]`;
  if (name === "cmp") return `[ cmp eq reg ${number(1)} ${words(3)} ]`;
  return `[ bitwise reg ${number(2)} = ( reg ${number(1)} & ${words(4)} ) ^ ${words(5)} ]`;
};

describe.runIf(canRun("nft"))("matchNetwork", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
  });
  afterAll(() => node.dispose());

  test("is what nft compiles, for any network and either end", async () => {
    const cidrs = [...fc.sample(aCidr(4), 60), ...fc.sample(aCidr(6), 60)].map(networkOf);
    // nft makes another match of a network that is all addresses.
    const networks = cidrs.filter(({ prefixLength }) => prefixLength > 0);
    const ends = ["source", "destination"] as const;
    const cases = networks.map((network, index) => ({ network, end: ends[index % 2] ?? "source" }));
    const rules = cases.map(({ network, end }) => {
      const protocol = network.address.family === 4 ? "ip" : "ip6";
      return `add rule inet t c ${protocol} ${end === "source" ? "saddr" : "daddr"} ${formatCidr(network)} return`;
    });
    const input = `add table inet t\nadd chain inet t c\n${rules.join("\n")}\n`;
    const { stdout } = await node.exec("nft", ["--check", "--debug=netlink", "-f", "-"], { input });
    const compiled = stdout.split(/^inet t c.*$/m).slice(1);
    expect(compiled).toHaveLength(cases.length);
    for (const [index, { network, end }] of cases.entries()) {
      const lines = (compiled[index] ?? "").split("\n").map((line) => line.trim());
      const matches = lines.filter((line) => line.startsWith("[") && !line.startsWith("[ immediate"));
      expect(matchNetwork(end, network).map(printed), formatCidr(network)).toEqual(matches);
    }
  });

  test("of all addresses asks for the family only", () => {
    const all: Cidr = { address: { family: 6, value: 0n }, prefixLength: 0 };
    expect(matchNetwork("source", all).map(printed)).toEqual([
      "[ meta load nfproto => reg 1 ]",
      "[ cmp eq reg 1 0x0000000a ]",
    ]);
  });
});

describe.runIf(canRun("nft"))("profiles of networks with exceptions", () => {
  test("are apart by their list, of their own family only, and have short comments", async () => {
    await using node = await createNode();
    const source = `import { parseCidr } from "./shared/ip/cidr.ts";
      import { chainsOf, profileOf } from "./shared/netfilter/nftables/masquerade-rules.ts";
      const of = (address, ...list) => {
        const profile = profileOf(parseCidr(address), list.map(parseCidr));
        const comments = chainsOf([profile]).flatMap(({ first, others = [] }) => [...first, ...others]);
        return { ...profile, longest: Math.max(...comments.map(({ comment }) => comment.length)) };
      };
      const many = Array.from({ length: 50 }, (_, index) => \`10.\${index}.0.0/16\`);
      const six = "1234:5678:9abc:def0:1234:5678:9abc:def0";
      console.log(JSON.stringify({
        plain: of("10.1.0.2/24"),
        one: of("10.1.0.2/24", "10.2.0.0/16"),
        other: of("10.1.0.2/24", "10.3.0.0/16"),
        foreign: of("10.1.0.2/24", "fd00::/8"),
        single: of("10.1.0.2/32", "10.2.0.0/16"),
        many: of("10.1.0.2/24", ...many),
        long: of(six + "/127", six + "/128", "fd00::/8"),
      }));`;
    const found = await runModule<Record<string, { set: string; unchanged: string[]; longest: number }>>(
      node,
      source,
    );
    expect(found["foreign"]).toEqual(found["plain"]);
    expect(found["one"]?.unchanged).toEqual(["10.1.0.0/24", "10.2.0.0/16"]);
    expect(found["single"]?.unchanged).toEqual(["10.2.0.0/16"]);
    const { foreign: _, ...apart } = found;
    const sets = Object.values(apart).map(({ set }) => set);
    expect(new Set(sets).size).toBe(sets.length);
    for (const { set, longest } of Object.values(found)) {
      expect(set).toMatch(nftName);
      expect(longest).toBeLessThanOrEqual(128);
    }
  });
});
