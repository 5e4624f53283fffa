/** A long list of objects is parsed when it is read, which only the time shows. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInput } from "../../../shared/cni/configuration.ts";
import { unparsedText, withSummary } from "../../../shared/cni/deferred-list.ts";
import { Fields, type JsonObject } from "../../../shared/cni/fields.ts";

const place = ["discovery", "peers"] as const;
const parse = (text: string) => parseInput(new TextEncoder().encode(text), place);
/** As long as it must be to be worth it. */
const padding = "x".repeat(20_000);

const discoveryIn = (value: JsonObject) => value["discovery"] as JsonObject;
const isDeferred = (value: JsonObject) => unparsedText(discoveryIn(value), "peers") !== undefined;

const peers = [
  { vtep: "192.0.2.2", subnets: ["10.1.0.0/24"] },
  { vtep: "192.0.2.3", name: padding },
];
const configuration = {
  name: "net",
  discovery: { peers, type: "static" },
  ipam: { ranges: [[{ subnet: "a" }]] },
};

describe("a long list", () => {
  test("is not parsed until it is read, and then only once", () => {
    const value = parse(JSON.stringify(configuration));
    expect(isDeferred(value)).toBe(true);
    expect(Object.keys(discoveryIn(value))).toEqual(["peers", "type"]);
    expect(isDeferred(value)).toBe(true);
    const list = discoveryIn(value)["peers"];
    expect(list).toEqual(peers);
    expect(isDeferred(value)).toBe(false);
    expect(discoveryIn(value)["peers"]).toBe(list);
    expect(value).toEqual(configuration);
  });

  test("is in what is written, whether it was read or not", () => {
    const text = JSON.stringify(configuration);
    expect(JSON.stringify(parse(text))).toBe(text);
  });

  test("gives its first item, and whether there is one, without being parsed", () => {
    const value = parse(JSON.stringify(configuration));
    expect(new Fields(discoveryIn(value)).first("peers")).toEqual(peers[0]);
    expect(isDeferred(value)).toBe(true);
  });

  test.each([
    ["one with an object in it", [{ macs: { a: "b" }, name: padding }]],
    ["one with a brace in a text", [{ name: `}${padding}` }]],
  ])("gives its first item, %s", (_, list) => {
    const value = parse(JSON.stringify({ discovery: { peers: list } }));
    expect(new Fields(discoveryIn(value)).first("peers")).toEqual(list[0]);
  });

  test("is summed up by its text, before it was parsed and after", () => {
    const value = parse(JSON.stringify(configuration));
    const summary = () => withSummary(value["discovery"], (text) => text.length);
    const expected = { peers: JSON.stringify(peers).length, type: "static" };
    expect(summary()).toEqual(expected);
    void discoveryIn(value)["peers"];
    expect(summary()).toEqual(expected);
    expect(withSummary(value["ipam"], () => "")).toBe(value["ipam"]);
  });

  test("that is not JSON is an error when it is read", () => {
    const text = JSON.stringify(configuration).replace('"vtep"', "vtep");
    const value = parse(text);
    expect(value["name"]).toBe("net");
    expect(() => discoveryIn(value)["peers"]).toThrow(expect.objectContaining({ code: 6 }));
  });
});

describe("a list that cannot be cut out", () => {
  test.each([
    ["short", { discovery: { peers: [{ vtep: "a" }] } }],
    ["elsewhere", { peers: [{ vtep: padding }] }],
    ["deeper", { discovery: { discovery: { peers: [{ vtep: padding }] } } }],
    ["empty", { discovery: { peers: [] }, name: padding, ipam: { ranges: [[{ subnet: "a" }]] } }],
    [
      "with a list of objects in an item",
      { discovery: { peers: [{ a: [{ b: 1 }], name: padding }, { c: 2 }] } },
    ],
    ["with its end in a text", { discovery: { peers: [{ name: `}]${padding}` }] } }],
    ["in a text", { name: `"peers":[{}]${padding}`, discovery: { peers: [{ vtep: "a" }] } }],
    ["of texts", { discovery: { peers: [padding], others: [{ a: 1 }] } }],
    ["that begins with null", { discovery: { peers: [null, { name: padding }] } }],
  ])("is parsed at once: %s", (_, value) => {
    const text = JSON.stringify(value);
    expect(parse(text)).toEqual(JSON.parse(text));
    expect(JSON.stringify(parse(text))).toBe(text);
  });

  test("because it is there twice is the last one", () => {
    const one = `"peers":[{"vtep":"${padding}"}]`;
    for (const other of ['"peers":[{"vtep":"b"}]', '"peers":"podwire: a list that is not parsed yet"']) {
      const text = `{"discovery":{${one},${other}}}`;
      expect(parse(text)).toEqual(JSON.parse(text));
    }
    const text = `{"discovery":{${one}},"discovery":{"peers":[]}}`;
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test("because the configuration is no JSON is a fault of all of it", () => {
    expect(() => parse(`${JSON.stringify(configuration)}}`)).toThrow(expect.objectContaining({ code: 6 }));
  });
});

const item = fc.dictionary(fc.constantFrom("a", "}]", '"peers":[{', "vtep"), fc.jsonValue());
const wholeWith = (peers: fc.Arbitrary<unknown>) =>
  fc.record({
    discovery: fc.record({ peers, a: fc.jsonValue() }, { requiredKeys: [] }),
    name: fc.constant(padding),
    z: fc.jsonValue(),
  });

test("a configuration whose list has objects only, or is not a list, is what it would be without", () => {
  const peers = fc.oneof(
    fc.array(item),
    fc.jsonValue().filter((value) => !Array.isArray(value)),
  );
  fc.assert(
    fc.property(wholeWith(peers), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 500 },
  );
});

test("a list of anything is read as it is", () => {
  const peers = fc.array(fc.oneof(item, fc.jsonValue()));
  fc.assert(
    fc.property(wholeWith(peers), (value) => {
      const text = JSON.stringify(value);
      const expected = JSON.parse(text).discovery.peers;
      expect(discoveryIn(parse(text))["peers"]).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
