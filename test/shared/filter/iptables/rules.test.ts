import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differenceInput, projectionInput } from "../../../../shared/filter/iptables/input.ts";
import { recoverRecords } from "../../../../shared/filter/iptables/recover.ts";
import { quoteWord, ruleText } from "../../../../shared/filter/iptables/rule.ts";
import { hostPortChain, masqueradeChain, sharedRules } from "../../../../shared/filter/iptables/rules.ts";
import {
  readSaved,
  removalInput,
  type SavedTable,
  wordsOf,
} from "../../../../shared/filter/iptables/saved.ts";
import { type FilterRecord, recordName } from "../../../../shared/filter/record.ts";
import { type Family, parseIp } from "../../../../shared/ip/address.ts";
import { aRecord, masqueradeOf, owner, portsOf, tcp } from "./records.ts";

const none = readSaved("");
const empty = { nat: none, raw: none, mangle: none, filter: none };

/** What iptables-save lists after an input that a table without chains of podwire was given. */
function savedAfter(input: string, table: "filter" | "nat" = "nat"): SavedTable {
  const rules: string[] = [];
  const part = input.split("COMMIT\n").find((text) => text.startsWith(`*${table}\n`)) ?? "";
  for (const line of part.split("\n")) {
    if (line.startsWith("-A ")) rules.push(line);
    if (line.startsWith("-I ")) rules.unshift(line.replace("-I", "-A"));
  }
  const chains = part.split("\n").filter((line) => line.startsWith(":"));
  return readSaved([...chains, ...rules].join("\n"));
}

const note = '-m comment --comment "podwire network=net container=c1 interface=eth0"';
const m = masqueradeOf("c1", ["10.1.0.2/24", "10.2.0.2/32", "fd00::2/64"], ["192.168.0.0/16", "fd00:9::/48"]);
const first = tcp(81, 8081, { hostIp: parseIp("192.0.2.1") ?? never() });
const p = portsOf("c1", ["10.1.0.2/24"], [tcp(80, 8080), first], {
  conditions: { 4: ["!", "-i", "e h"], 6: [] },
});

function never(): never {
  throw new Error("not an address");
}

describe("the input for a new attachment", () => {
  test("asks for the shared rules, then adds the attachment's own chain and the jumps to it", () => {
    const chain = masqueradeChain(owner("c1"));
    expect(chain).toMatch(/^PODWIRE-[0-9a-f]{20}$/);
    expect(differenceInput(4, { removed: [], added: [m] }, new Set())).toBe(`*nat
-C POSTROUTING -m comment --comment "podwire: masquerade" -j PODWIRE-POSTROUTING
-C PODWIRE-POSTROUTING -d 224.0.0.0/4 -m comment --comment "podwire: multicast keeps its source address" -j RETURN
-C PODWIRE-POSTROUTING -p udp -m udp --dport 4789 -m comment --comment "podwire: VXLAN is not translated" -j RETURN
-C PODWIRE-POSTROUTING -p udp -m udp --dport 8472 -m comment --comment "podwire: VXLAN is not translated" -j RETURN
:${chain} - [0:0]
-A ${chain} -d 192.168.0.0/16 ${note} -j RETURN
-A ${chain} -s 10.1.0.2/32 -d 10.1.0.0/24 ${note} -j RETURN
-A ${chain} ${note} -j MASQUERADE --random-fully
-A PODWIRE-POSTROUTING -s 10.1.0.2/32 ${note} -j ${chain}
-A PODWIRE-POSTROUTING -s 10.2.0.2/32 ${note} -j ${chain}
COMMIT
`);
    const six = differenceInput(6, { removed: [], added: [m] }, new Set());
    expect(six).toContain(`-A ${chain} -s fd00::2/128 -d fd00::/64 ${note} -j RETURN`);
    expect(six).toContain("-d ff00::/8");
  });

  test("has a mapping of one host address before those of all, and conditions in the jump, without that address", () => {
    const chain = hostPortChain(owner("c1"));
    const input = differenceInput(4, { removed: [], added: [p] }, new Set());
    expect(input.slice(input.indexOf(`:${chain}`))).toBe(`:${chain} - [0:0]
-A ${chain} -s 10.1.0.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 81 ${note} -j MARK --set-xmark 0x2000/0x2000
-A ${chain} -s 127.0.0.0/8 -d 192.0.2.1/32 -p tcp -m tcp --dport 81 ${note} -j MARK --set-xmark 0x2000/0x2000
-A ${chain} -s 10.1.0.0/24 -p tcp -m tcp --dport 80 ${note} -j MARK --set-xmark 0x2000/0x2000
-A ${chain} -s 127.0.0.0/8 -p tcp -m tcp --dport 80 ${note} -j MARK --set-xmark 0x2000/0x2000
-A ${chain} -d 192.0.2.1/32 -p tcp -m tcp --dport 81 ${note} -j DNAT --to-destination 10.1.0.2:8081
-A ${chain} -p tcp -m tcp --dport 80 ${note} -j DNAT --to-destination 10.1.0.2:8080
-I PODWIRE-HOSTPORTS -p tcp -m tcp --dport 81 "!" "-i" "e h" ${note} -j ${chain}
-A PODWIRE-HOSTPORTS -p tcp -m tcp --dport 80 "!" "-i" "e h" ${note} -j ${chain}
COMMIT
`);
    expect(input).toMatch(
      /^\*raw\n-C PREROUTING -d 127\.0\.0\.0\/8 ! -i lo .* -j DROP\nCOMMIT\n\*mangle\n-C PREROUTING .* -j MARK .*\nCOMMIT\n\*nat\n/,
    );
    expect(differenceInput(6, { removed: [], added: [p] }, new Set())).toBe("");
  });

  test("has the host's address in the jump where no conditions could have another one", () => {
    const plain = portsOf("c1", ["10.1.0.2/24"], [tcp(80, 8080), first]);
    const input = differenceInput(4, { removed: [], added: [plain] }, new Set());
    const chain = hostPortChain(owner("c1"));
    expect(input).toContain(
      `-I PODWIRE-HOSTPORTS -d 192.0.2.1/32 -p tcp -m tcp --dport 81 ${note} -j ${chain}`,
    );
    expect(input).toContain(`-A ${chain} -s 10.1.0.0/24 ${note} -j MARK`);
  });

  test("has one jump for a port that is wanted of one address and of all", () => {
    const both = [tcp(81, 80), first];
    const conditions = { 4: ["!", "-d", "198.51.100.0/24"], 6: [] };
    const record = portsOf("c1", ["10.1.0.2/24"], both, { conditions });
    const input = differenceInput(4, { removed: [], added: [record] }, new Set());
    expect(input.match(/^-[AI] PODWIRE-HOSTPORTS .*/gm)).toHaveLength(1);
    expect(input.match(/--to-destination \S+/g)).toEqual([
      "--to-destination 10.1.0.2:8081",
      "--to-destination 10.1.0.2:80",
    ]);
  });
});

test("the input for a removal takes out the jumps and the chain, and the rule of a mark bit that is not used any more", () => {
  const chain = hostPortChain(owner("c1"));
  const record = portsOf("c1", ["fd00::2/64"], [tcp(80, 8080, { family: 6 })], { markBit: 5 });
  const unused = sharedRules(record, 6).filter(({ isRemovable }) => isRemovable === true);
  expect(unused).toHaveLength(1);
  const input = differenceInput(6, { removed: [record], added: [] }, new Set(unused.map(ruleText)));
  expect(input).toContain(
    '-D PODWIRE-MARKED -m mark --mark 0x20/0x20 -m comment --comment "podwire: mark bit 5',
  );
  expect(input.slice(input.indexOf(`:${chain}`))).toBe(`:${chain} - [0:0]
-D PODWIRE-HOSTPORTS -p tcp -m tcp --dport 80 ${note} -j ${chain}
-X ${chain}
COMMIT
`);
});

describe("the projection", () => {
  test("of no record onto tables without podwire is nothing", () => {
    expect(projectionInput(4, [], empty)).toBe("");
    const foreign = readSaved(":PODWIRE - [0:0]\n:KUBE-SERVICES - [0:0]\n-A OUTPUT -j KUBE-SERVICES");
    expect(projectionInput(4, [], { nat: foreign, raw: none, mangle: none, filter: none })).toBe("");
  });

  test("removes chains and jumps that no record has, and keeps a jump that is there once", () => {
    const jump = 'POSTROUTING -m comment --comment "podwire: masquerade" -j PODWIRE-POSTROUTING';
    const stale = "PODWIRE-00000000000000000000";
    const nat = readSaved(
      `:PODWIRE-POSTROUTING - [0:0]\n:${stale} - [0:0]\n-A ${jump}\n-A POSTROUTING -s 10.0.0.1/32 -j ${stale}`,
    );
    const input = projectionInput(4, [], { nat, raw: none, mangle: none, filter: none });
    expect(input).toBe(`*nat
:PODWIRE-POSTROUTING - [0:0]
:${stale} - [0:0]
-D POSTROUTING -s 10.0.0.1/32 -j ${stale}
-X ${stale}
-A PODWIRE-POSTROUTING -d 224.0.0.0/4 -m comment --comment "podwire: multicast keeps its source address" -j RETURN
-A PODWIRE-POSTROUTING -p udp -m udp --dport 4789 -m comment --comment "podwire: VXLAN is not translated" -j RETURN
-A PODWIRE-POSTROUTING -p udp -m udp --dport 8472 -m comment --comment "podwire: VXLAN is not translated" -j RETURN
COMMIT
`);
    const twice = readSaved(`:PODWIRE-POSTROUTING - [0:0]\n-A ${jump}\n-A ${jump}`);
    const lines = projectionInput(4, [m], { nat: twice, raw: none, mangle: none, filter: none }).split("\n");
    expect(lines.filter((line) => line.endsWith(jump))).toEqual([`-D ${jump}`, `-D ${jump}`, `-A ${jump}`]);
  });

  const distinct = (records: readonly FilterRecord[]) => [
    ...new Map(records.map((record) => [recordName(record.owner, record.kind), record])).values(),
  ];

  test("of what its rules say is the same again", () => {
    fc.assert(
      fc.property(fc.array(aRecord, { maxLength: 6 }).map(distinct), (records) => {
        const project = (list: readonly FilterRecord[]) =>
          ([4, 6] as const).map((family) => projectionInput(family, list, empty));
        const inputs = project(records);
        const tablesOf = (family: Family, input = "") =>
          (["nat", "filter"] as const).map((table) => ({ family, saved: savedAfter(input, table) }));
        const recovered = recoverRecords([...tablesOf(4, inputs[0]), ...tablesOf(6, inputs[1])]);
        const lines = (texts: readonly string[]) => texts.map((text) => text.split("\n").sort());
        expect(lines(project(recovered))).toEqual(lines(inputs));
      }),
    );
  });

  test("keeps what it has made, and makes nothing again but what is in podwire's chains", () => {
    fc.assert(
      fc.property(fc.array(aRecord, { maxLength: 6 }).map(distinct), (records) => {
        const input = projectionInput(4, records, empty);
        const again = projectionInput(4, records, {
          ...empty,
          nat: savedAfter(input),
          filter: savedAfter(input, "filter"),
        });
        const lines = again.slice(again.search(/\*(filter|nat)\n/)).split("\n");
        expect(lines.filter((line) => /^-[AID] (?!PODWIRE-)/.test(line))).toEqual([]);
      }),
    );
  });
});

test("owners whose long names comments have cut are recovered as those that comments name", () => {
  const long = { network: "n".repeat(90), containerId: "c".repeat(64), ifname: "eth0" };
  const record: FilterRecord = { ...m, owner: long };
  const saved = savedAfter(projectionInput(4, [record], empty));
  const [found] = recoverRecords([{ family: 4, saved }]);
  expect(found === undefined ? "" : recordName(found.owner, found.kind)).toBe(recordName(long, "interface"));
});

test("rules that are not podwire's, or say too little, are no records", () => {
  const chain = masqueradeChain(owner("c1"));
  const lines = [
    ":KUBE-X - [0:0]",
    `:${chain} - [0:0]`,
    "-A POSTROUTING -j KUBE-X",
    "-A PODWIRE-POSTROUTING -s 10.1.0.2/32 -j KUBE-X",
    `-A PODWIRE-POSTROUTING -s 10.1.0.2/32 -m comment --comment "other" -j ${chain}`,
    `-A PODWIRE-HOSTPORTS -p tcp -m tcp --dport 80 ${note} -j PODWIRE-DN-00000000000000000`,
  ];
  expect(recoverRecords([{ family: 4, saved: readSaved(lines.join("\n")) }])).toEqual([]);
});

test("chains are removed with the jumps to them, wherever these are", () => {
  const saved = readSaved(`*nat
:PREROUTING ACCEPT [0:0]
:A - [0:0]
:B - [0:0]
:KEPT - [0:0]
-A PREROUTING -m comment --comment "x -j A" -j KEPT
-A PREROUTING -p tcp -j A
-A KEPT -j B
-A A -j B
COMMIT`);
  const input = removalInput("nat", saved, (chain) => ["A", "B", "GONE"].includes(chain));
  expect(input).toBe("*nat\n-D PREROUTING -p tcp -j A\n-D KEPT -j B\n-F A\n-F B\n-X A\n-X B\nCOMMIT\n");
  expect(removalInput("nat", saved, (chain) => chain === "GONE")).toBe("");
});

test("any word is read as it was quoted", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme-ascii" })), (words) => {
      expect(wordsOf(words.map(quoteWord).join(" "))).toEqual(words);
    }),
  );
});
