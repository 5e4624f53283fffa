import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newElements, readElements } from "../../../shared/netfilter/nftables/element.ts";
import {
  Comparison,
  compare,
  registerAt,
  Verdict,
  writeVerdict,
} from "../../../shared/netfilter/nftables/expression.ts";
import { readRules } from "../../../shared/netfilter/nftables/message.ts";
import { dataTypes, interfaceKey, newSet } from "../../../shared/netfilter/nftables/set.ts";
import {
  commentIn,
  decodeUserData,
  encodeUserData,
  textDatum,
} from "../../../shared/netfilter/nftables/user-data.ts";
import {
  allowed,
  fixedSpoofRules,
  guarded,
  hasFixedRule,
  macBytes,
  splitPair,
  spoofTable,
} from "../../../shared/netfilter/spoof-rules.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import { nftBatch } from "./recorded.ts";
import { attributeTree, recordedMessages, type Tree } from "./tree.ts";

const [, table, chain, guardedSet, guardedElement, allowedSet, allowedElement, rule] =
  recordedMessages(nftBatch);
const [newTable, newGuarded, newAllowed, newChain, flush, newRule] = fixedSpoofRules();

const port = interfaceKey("veth1");
const comment = "podwire network=net container=c1 interface=eth0";

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
    ["a table", newTable, table, ["2"]],
    ["a base chain", newChain, chain, []],
    ["a set of one type", newGuarded, guardedSet, []],
    // nft also keeps how the key was written ("typeof").
    ["a set of two types", newAllowed, allowedSet, ["13"]],
    ["a rule", newRule, rule, numbers],
    [
      "an element",
      newElements(spoofTable, guarded.name, [{ key: [port], comment }])[0],
      guardedElement,
      ["4"],
    ],
    [
      "an element of two fields",
      newElements(spoofTable, allowed.name, [{ key: [port, macBytes("02:00:00:00:00:01")], comment }])[0],
      allowedElement,
      ["4"],
    ],
  ] as const;

  test.each(cases)("%s", (_name, message, wanted, ignored) => {
    if (message === undefined || wanted === undefined) throw new Error("not recorded");
    expect(ours(message, ignored)).toEqual(
      describeMessage(wanted.type, wanted.header, wanted.attributes, ignored),
    );
  });

  test("the chain is emptied by a removal that names no rule", () => {
    const NFT_MSG_DELRULE = 8;
    expect((flush?.type ?? 0) & 0xff).toBe(NFT_MSG_DELRULE);
    const name = (text: string) => Buffer.from(`${text}\0`).toString("hex");
    expect(attributeTree(flush?.body.subarray(4) ?? new Uint8Array())).toEqual([
      [1, name("podwire")],
      [2, name("prerouting")],
    ]);
  });
});

describe("rules and elements", () => {
  const rulesOf = (...messages: (NetlinkMessage | undefined)[]) =>
    readRules(messages.map((message) => message?.body ?? new Uint8Array()));

  test("are read back", () => {
    expect(hasFixedRule(rulesOf(newRule))).toBe(true);
    expect(hasFixedRule(rulesOf(newRule, newRule))).toBe(false);
    expect(hasFixedRule(rulesOf(newTable))).toBe(false);
    expect(hasFixedRule([])).toBe(false);
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
          const read = readElements(newElements(spoofTable, allowed.name, elements).map(({ body }) => body));
          expect(read.map((element) => element.comment)).toEqual(elements.map((element) => element.comment));
          expect(read.map((element) => splitPair(element.key))).toEqual(
            elements.map(({ key: [first, second] }) => ({ port: first, mac: second })),
          );
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
        const tree = attributeTree(newSet(spoofTable, { name: "s", key, comment: "" }, 1).body.subarray(4));
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
