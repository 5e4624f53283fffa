import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elementsOf, structureOf } from "../../../shared/filter/projection.ts";
import type { FilterRecord } from "../../../shared/filter/record.ts";
import { bridgeTable } from "../../../shared/filter/structure.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import { joinFields, newElements, readElements } from "../../../shared/nftables/element.ts";
import {
  Comparison,
  compare,
  registerAt,
  Verdict,
  writeVerdict,
} from "../../../shared/nftables/expression.ts";
import { flushChain, newChain, newRule, newTable, readRules } from "../../../shared/nftables/message.ts";
import { dataTypes, interfaceKey, newSet } from "../../../shared/nftables/set.ts";
import { commentIn, decodeUserData, encodeUserData, textDatum } from "../../../shared/nftables/user-data.ts";
import { nftBatch } from "./recorded.ts";
import { attributeTree, recordedMessages, type Tree } from "./tree.ts";

const [, table, chain, guardedSet, guardedElement, allowedSet, allowedElement, rule] =
  recordedMessages(nftBatch);

/** The record of the recorded table. */
const record: FilterRecord = {
  owner: { network: "net", containerId: "c1", ifname: "eth0" },
  kind: "interface",
  backend: "nftables",
  spoofCheck: { port: "veth1", mac: "02:00:00:00:00:01" },
};
const { sets, chains } = structureOf([{ kind: "spoof" }]);
const newSets = sets.map((set, index) => newSet(set.table, set, index + 1));
const [base] = chains;
const [drop] = base?.rules ?? [];
// The comments of the recorded table and rule.
const ofTable = newTable(bridgeTable, "podwire: MAC addresses of bridge ports (macspoofchk)");
const ofChain = newChain(bridgeTable, base?.name ?? "", base?.hook);
const ofRule = newRule(bridgeTable, base?.name ?? "", {
  comment: `podwire: ${drop?.comment}`,
  expressions: drop?.expressions ?? [],
});
const ofElements = elementsOf(record).flatMap(({ set, element }) => newElements(bridgeTable, set, [element]));

const describeMessage = (
  type: number,
  header: string,
  attributes: Uint8Array,
  ignored: readonly string[],
) => ({
  type,
  header,
  tree: attributeTree(attributes, ignored),
});

const ours = ({ type, body }: NetlinkMessage, ignored: readonly string[]) =>
  describeMessage(type, Buffer.from(body.subarray(0, 4)).toString("hex"), body.subarray(4), ignored);

describe("a message for nf_tables says what nft says:", () => {
  // nft refers to the sets of its batch by number as well as by name.
  // And it does not sign its rules: only the comment is its user data.
  const numbers = ["4.1.2.4 00000001", "4.1.2.4 00000002", "7"];
  const cases = [
    // No flags is the default.
    ["a table", ofTable, table, ["2"]],
    ["a base chain", ofChain, chain, []],
    ["a set of one type", newSets[0], guardedSet, []],
    // nft also keeps how the key was written ("typeof").
    ["a set of two types", newSets[1], allowedSet, ["13"]],
    ["a rule", ofRule, rule, numbers],
    ["an element", ofElements[0], guardedElement, ["4"]],
    ["an element of two fields", ofElements[1], allowedElement, ["4"]],
  ] as const;

  test.each(cases)("%s", (_name, message, wanted, ignored) => {
    if (message === undefined || wanted === undefined) throw new Error("not recorded");
    expect(ours(message, ignored)).toEqual(
      describeMessage(wanted.type, wanted.header, wanted.attributes, ignored),
    );
  });

  test("a chain is emptied by a removal that names no rule", () => {
    const NFT_MSG_DELRULE = 8;
    const flush = flushChain(bridgeTable, "prerouting");
    expect(flush.type & 0xff).toBe(NFT_MSG_DELRULE);
    const name = (text: string) => Buffer.from(`${text}\0`).toString("hex");
    expect(attributeTree(flush.body.subarray(4))).toEqual([
      [1, name("podwire")],
      [2, name("prerouting")],
    ]);
  });
});

describe("rules and elements", () => {
  test("are read back, and a rule of another program is not signed", () => {
    const bodies = [
      ofRule.body,
      new Uint8Array([...ofRule.body.subarray(0, 4), ...(rule?.attributes ?? [])]),
    ];
    const comment = "podwire: drop frames with a forged source address";
    expect(readRules(bodies)).toMatchObject([
      { chain: "prerouting", comment, isSigned: true },
      { chain: "prerouting", comment, isSigned: false },
    ]);
  });

  const aName = fc.stringMatching(/^[a-z0-9@_-]{1,15}$/);
  const aMac = fc.uint8Array({ minLength: 6, maxLength: 6 });

  test("of any port keep their key and comment", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: aName, mac: aMac, text: fc.string({ maxLength: 60 }) })),
        (ports) => {
          const elements = ports.map(({ name, mac, text }) => ({
            key: [interfaceKey(name), mac],
            comment: text.replaceAll("\0", ""),
          }));
          const read = readElements(newElements(bridgeTable, "allowed", elements).map(({ body }) => body));
          expect(read.map((element) => element.comment)).toEqual(elements.map((element) => element.comment));
          expect(read.map(({ key }) => key)).toEqual(elements.map(({ key }) => joinFields(key)));
        },
      ),
    );
  });
});

describe("a concatenated key", () => {
  const field = (tree: Tree, type: number) => tree.find(([found]) => found === type)?.[1];

  test("is as long as its fields, each filled up to four bytes, and numbered by their types", () => {
    const names = Object.keys(dataTypes) as (keyof typeof dataTypes)[];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 4 }), (chosen) => {
        const key = chosen.map((name) => dataTypes[name]);
        const tree = attributeTree(newSet(bridgeTable, { name: "s", key, comment: "" }, 1).body.subarray(4));
        const length = key.reduce((sum, type) => sum + Math.ceil(type.length / 4) * 4, 0);
        const number = key.reduce((sum, type) => sum * 64 + type.number, 0);
        expect(field(tree, 5)).toBe(length.toString(16).padStart(8, "0"));
        expect(field(tree, 4)).toBe(number.toString(16).padStart(8, "0"));
      }),
    );
  });

  test.each([
    [0, 1],
    [4, 9],
    [12, 11],
    [16, 2],
    [20, 13],
    [32, 3],
  ])("has its field at byte %i in register %i", (offset, register) => {
    expect(registerAt(offset)).toBe(register);
  });
});

test("a verdict says where to go", () => {
  const write = (code: number, target?: string) => {
    const writer = new BodyWriter();
    writeVerdict(writer, 2, target === undefined ? { code } : { code, chain: target });
    return attributeTree(writer.finish());
  };
  expect(write(Verdict.drop)).toEqual([[2, [[2, [[1, "00000000"]]]]]]);
  expect(write(Verdict.jump, "x")).toEqual([
    [
      2,
      [
        [
          2,
          [
            [1, "fffffffd"],
            [2, "7800"],
          ],
        ],
      ],
    ],
  ]);
});

test("a comparison names the register, how, and with what", () => {
  const writer = new BodyWriter();
  const { name, write } = compare(registerAt(4), Comparison.notEqual, new Uint8Array([10, 1]));
  write(writer);
  expect([name, attributeTree(writer.finish())]).toEqual([
    "cmp",
    [
      [1, "00000009"],
      [2, "00000001"],
      [3, [[1, "0a01"]]],
    ],
  ]);
});

describe("user data", () => {
  test("is decoded as it was encoded, the last of a type", () => {
    const datum = fc.record({ type: fc.nat(255), value: fc.uint8Array({ maxLength: 255 }) });
    fc.assert(
      fc.property(fc.array(datum, { maxLength: 5 }), (data) => {
        const decoded = decodeUserData(encodeUserData(data));
        expect(decoded).toEqual(new Map(data.map(({ type, value }) => [type, value])));
      }),
    );
  });

  test("of any bytes is survived, and a comment has no NUL", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeUserData(bytes).size).toBeLessThanOrEqual(bytes.length / 2);
        expect(commentIn(decodeUserData(bytes))).not.toContain("\0");
      }),
    );
    expect(commentIn(decodeUserData(encodeUserData([textDatum(0, "pod ä")])))).toBe("pod ä");
    expect(commentIn(decodeUserData(undefined))).toBe("");
  });
});
