import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Family } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, networkOf } from "../../../shared/ip/cidr.ts";
import { Attributes } from "../../../shared/netlink/attributes.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import type { Expression } from "../../../shared/nftables/expression.ts";
import { matchNetwork } from "../../../shared/nftables/match.ts";
import { canRun, createNode, type Node } from "../../helpers/index.ts";

const aCidr = (family: Family) =>
  fc
    .record({
      value: fc.bigInt(0n, (1n << BigInt(family === 4 ? 32 : 128)) - 1n),
      prefixLength: fc.nat(family === 4 ? 32 : 128),
    })
    .map(({ value, prefixLength }): Cidr => ({ address: { family, value }, prefixLength }));

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
