import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readLegacyRules } from "../../../../shared/netfilter/iptables/legacy-table.ts";
import { canRun, createNode, type Node, runModule } from "../../../helpers/index.ts";

test("any bytes are survived", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(4 as const, 6 as const),
      (bytes, family) => {
        expect(readLegacyRules(bytes, family, new Map())).toBeInstanceOf(Array);
      },
    ),
  );
});

interface Rule {
  readonly chain: string;
  readonly comment: string;
  readonly jump?: string;
}

describe.runIf(canRun("iptables-legacy-restore", "ip6tables-legacy-restore"))("the legacy nat table", () => {
  let node: Node;
  beforeEach(async () => {
    node = await createNode();
  });
  afterEach(() => node.dispose());

  const read = (family: 4 | 6): Promise<Rule[] | null> =>
    runModule<Rule[] | null>(
      node,
      `import { readLegacyNat } from "./shared/netfilter/iptables/legacy-variant.ts";
       const rules = readLegacyNat(${family})?.map(({ body, ...rule }) => rule);
       console.log(JSON.stringify(rules ?? null));`,
    );

  const tables = (family: 4 | 6) =>
    node.exec("cat", [family === 4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names"]);

  test.each([4, 6] as const)("is not made by asking for it (IPv%i)", async (family) => {
    const before = (await tables(family)).stdout;
    expect(await read(family)).toBeNull();
    expect((await tables(family)).stdout).toBe(before);
  });

  const cases = [
    [4, "iptables-legacy", "10.1.0.2/32", "192.0.2.0/24", "1.2.3.4:80"],
    [6, "ip6tables-legacy", "fd00::2/128", "2001:db8::/32", "[fd00::9]:80"],
  ] as const;

  test.each(cases)("is read as iptables made it (IPv%i)", async (family, tool, pod, wide, target) => {
    const input = `*nat
:FIRST - [0:0]
:EMPTY - [0:0]
-A FIRST -p tcp --dport 80 -m comment --comment "name: \\"net\\" id: \\"c1\\"" -j ACCEPT
-A FIRST -g EMPTY
-A POSTROUTING -s ${pod} -m comment --comment "short" -j FIRST
-A POSTROUTING -s ${wide} -p udp -m multiport --dports 1,2,3 -m comment --comment "second match" -j EMPTY
-A POSTROUTING -j MASQUERADE --random-fully
-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination ${target}
-A OUTPUT -m comment --comment "${"x".repeat(255)}" -j FIRST
COMMIT
`;
    await node.exec(`${tool}-restore`, [], { input });
    const rules = (await read(family))?.filter((rule) => rule.comment !== "" || rule.jump !== undefined);
    const expected: Rule[] = [
      { chain: "OUTPUT", comment: "x".repeat(255), jump: "FIRST" },
      { chain: "POSTROUTING", comment: "short", jump: "FIRST" },
      { chain: "POSTROUTING", comment: "second match", jump: "EMPTY" },
      { chain: "FIRST", comment: 'name: "net" id: "c1"' },
      { chain: "FIRST", comment: "", jump: "EMPTY" },
    ];
    const sorted = (list: readonly Rule[] | undefined) => list?.map((rule) => JSON.stringify(rule)).sort();
    expect(sorted(rules)).toEqual(sorted(expected));
    const chains = new Set((await read(family))?.map((rule) => rule.chain));
    expect([...chains].sort()).toEqual(["EMPTY", "FIRST", "INPUT", "OUTPUT", "POSTROUTING", "PREROUTING"]);
  });
});
