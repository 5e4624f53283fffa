import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cidr, parseCidr } from "../../../../shared/ip/cidr.ts";
import { legacyRemoval } from "../../../../shared/netfilter/iptables/legacy-removal.ts";
import type { LegacyRule } from "../../../../shared/netfilter/iptables/legacy-table.ts";
import {
  heldPaths,
  masqueradeInput,
  missingRule,
  type NatRules,
  ownChainInput,
  quoteWord,
  subnetsOf,
} from "../../../../shared/netfilter/iptables/rules.ts";

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

/** The chains that an input leaves behind, as texts of rules. */
const apply = (input: string): NatRules => {
  const rulesOf = (chain: string) => input.split("\n").filter((line) => line.startsWith(`-A ${chain} `));
  return { base: rulesOf("POSTROUTING"), masquerade: rulesOf("PODWIRE-MASQ") };
};

const nothing: NatRules = { base: [], masquerade: [] };

describe("the fixed rules", () => {
  test("are these", () => {
    expect(masqueradeInput(4, ["10.1.0.0/24"], 0)).toBe(`*nat
:PODWIRE-MASQ - [0:0]
-A PODWIRE-MASQ -d 224.0.0.0/4 -m comment --comment "podwire: multicast keeps its source address" -j RETURN
-A PODWIRE-MASQ -s 10.1.0.0/24 -d 10.1.0.0/24 -m comment --comment "podwire: inside 10.1.0.0/24 nothing changes" -j RETURN
-A PODWIRE-MASQ -m comment --comment "podwire: all else leaves with the address of this node" -j MASQUERADE --random-fully
-A POSTROUTING -m set --match-set podwire-masq4 src -m comment --comment "podwire: the masqueraded addresses" -j PODWIRE-MASQ
COMMIT
`);
    const six = masqueradeInput(6, [], 1);
    expect(six).toContain("-d ff00::/8");
    expect(six).not.toContain("POSTROUTING");
    expect(
      masqueradeInput(6, [], 3).match(/^-D POSTROUTING -m set --match-set podwire-masq6 src .*$/gm),
    ).toHaveLength(2);
  });

  const aSubnet = fc
    .record({ value: fc.bigInt(0n, 0xffffffffn), prefixLength: fc.nat(31) })
    .map(({ value, prefixLength }) => ({ address: { family: 4 as const, value }, prefixLength }));

  test("are all found in what they make, with the networks they were made for, and no others", () => {
    fc.assert(
      fc.property(fc.array(aSubnet, { maxLength: 6 }), aSubnet, (addresses, other) => {
        const subnets = subnetsOf(addresses);
        const rules = apply(masqueradeInput(4, subnets, 0));
        expect(missingRule(rules, subnets)).toBeUndefined();
        expect(heldPaths(rules)).toEqual(subnets);
        const [stranger = ""] = subnetsOf([other]);
        fc.pre(!subnets.includes(stranger));
        expect(missingRule(rules, [stranger])).toContain(`${stranger} `);
      }),
    );
  });

  test("are missed one by one, and when they stand in the wrong order", () => {
    const whole = apply(masqueradeInput(4, ["10.1.0.0/24"], 0));
    expect(missingRule(nothing, [])).toBeDefined();
    expect(missingRule({ ...whole, base: [] }, [])).toContain("masqueraded addresses");
    for (const [index] of whole.masquerade.entries()) {
      const rest = whole.masquerade.filter((_, at) => at !== index);
      expect(missingRule({ ...whole, masquerade: rest }, ["10.1.0.0/24"])).toBeDefined();
    }
    const reversed = { ...whole, masquerade: whole.masquerade.toReversed() };
    expect(missingRule(reversed, ["10.1.0.0/24"])).toBeDefined();
  });
});

describe("subnetsOf", () => {
  test("names each network once, and no single address", () => {
    const addresses = [
      "10.1.0.2/24",
      "10.1.0.3/24",
      "10.1.0.2/16",
      "10.2.0.1/32",
      "fd00::5/64",
      "fd00::1/128",
    ];
    expect(subnetsOf(addresses.map(cidr))).toEqual(["10.1.0.0/24", "10.1.0.0/16", "fd00::/64"]);
  });
});

describe("the chain of one attachment", () => {
  test("spares an address's own network only, and is removed by what the kernel shows of it", () => {
    const input = ownChainInput(4, "PODWIRE-0", 'a "b" \\', [cidr("10.1.0.2/24"), cidr("10.2.0.2/32")]);
    const note = '-m comment --comment "a \\"b\\" \\\\"';
    expect(input).toBe(`*nat
:PODWIRE-0 - [0:0]
-A PODWIRE-0 -d 224.0.0.0/4 ${note} -j RETURN
-A PODWIRE-0 -s 10.1.0.2 -d 10.1.0.0/24 ${note} -j RETURN
-A PODWIRE-0 ${note} -j MASQUERADE --random-fully
-A POSTROUTING -s 10.1.0.2 ${note} -j PODWIRE-0
-A POSTROUTING -s 10.2.0.2 ${note} -j PODWIRE-0
COMMIT
`);
  });
});

test("chains of the legacy table go with the jumps to them, by number, the last one first", () => {
  const rule = (chain: string, jump?: string): LegacyRule => ({
    chain,
    comment: "",
    body: new Uint8Array(0),
    ...(jump === undefined ? {} : { jump }),
  });
  const rules = [
    rule("PREROUTING"),
    rule("PREROUTING", "A"),
    rule("POSTROUTING", "A"),
    rule("POSTROUTING", "KEPT"),
    rule("POSTROUTING", "A"),
    rule("A"),
    rule("KEPT"),
  ];
  const input = legacyRemoval(rules, [{ bases: ["POSTROUTING"], chains: ["A", "GONE"] }]);
  expect(input).toBe("*nat\n-D POSTROUTING 3\n-D POSTROUTING 1\n-F A\n-X A\nCOMMIT\n");
  expect(legacyRemoval(rules, [{ bases: ["POSTROUTING"], chains: ["GONE"] }])).toBeUndefined();
});

test("quoteWord keeps any text in one word", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const inside = quoteWord(text).slice(1, -1);
      expect(inside.replace(/\\(["\\])/g, "$1")).toBe(text);
      expect(inside.replace(/\\["\\]/g, "")).not.toMatch(/["\\]/);
    }),
  );
});
