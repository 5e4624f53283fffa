import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fields, isObject, type JsonObject } from "../../../shared/cni/fields.ts";

const parse = (text: string) => new Fields(JSON.parse(text) as JsonObject);

const readers = ["text", "boolean", "integer", "object", "list", "texts", "objects"] as const;

const samples: Record<(typeof readers)[number], unknown> = {
  text: "x",
  boolean: false,
  integer: 0,
  object: {},
  list: [],
  texts: ["x"],
  objects: [{}],
};

describe("a key", () => {
  test("is found in any case, and exactly if it can be", () => {
    expect(parse('{"ISGATEWAY":true}').boolean("isGateway")).toBe(true);
    expect(parse('{"MTU":1,"mtu":2,"Mtu":3}').integer("mtu")).toBe(2);
    expect(parse('{"mtu":2,"Mtu":3}').integer("MTU")).toBe(2);
  });

  test.each(readers)("that is absent or null has no %s", (reader) => {
    expect(parse("{}")[reader]("x")).toBeUndefined();
    expect(parse('{"x":null}')[reader]("x")).toBeUndefined();
  });

  test.each(readers)("of every other type is refused as %s, with its name and what was found", (reader) => {
    const wanted = { text: ["text"], texts: ["list", "texts"], objects: ["list", "objects"] };
    const accepted: readonly string[] = wanted[reader as keyof typeof wanted] ?? [reader];
    for (const [kind, value] of Object.entries(samples)) {
      const fields = new Fields({ key: value }, "ipam");
      const isEmptyList = Array.isArray(value) && value.length === 0;
      const fits = accepted.includes(kind) || (reader === "list" && Array.isArray(value));
      if (fits || (isEmptyList && accepted.includes("list"))) {
        expect(() => fields[reader]("key"), kind).not.toThrow();
      } else {
        expect(() => fields[reader]("key"), kind).toThrow(
          expect.objectContaining({ code: 6, message: expect.stringMatching(/^"ipam\.key/) }),
        );
      }
    }
  });

  test("that holds null in a list is refused as such", () => {
    const fields = parse('{"list":[null]}');
    const refusal = expect.objectContaining({
      code: 6,
      message: expect.stringMatching(/"list\[0\]".*is null$/),
    });
    expect(() => fields.texts("list")).toThrow(refusal);
    expect(() => fields.objects("list")).toThrow(refusal);
  });

  test.each([
    ["1.5", "a fraction"],
    ["1e400", "a number too large"],
    ["9007199254740993", "a number too large"],
    ["-1e30", "a number too large"],
  ])("that holds %s is no whole number", (text, kind) => {
    const message = `"mtu" must be a whole number, but it is ${kind}`;
    expect(() => parse(`{"mtu":${text}}`).integer("mtu")).toThrow(
      expect.objectContaining({ code: 6, message }),
    );
  });

  test("of what every object inherits is absent", () => {
    for (const key of ["constructor", "toString", "hasOwnProperty", "__proto__"]) {
      expect(parse("{}").value(key), key).toBeUndefined();
      expect(parse('{"__proto__":{"name":"x"}}').value("name")).toBeUndefined();
    }
  });

  test("in a list of objects has its place in its name", () => {
    const [, second] = parse('{"ipam":{"ranges":[{},{"subnet":5}]}}').object("ipam")?.objects("ranges") ?? [];
    expect(() => second?.text("subnet")).toThrow('"ipam.ranges[1].subnet" must be a string');
    expect(() => parse('{"dns":{"search":["a",7]}}').object("dns")?.texts("search")).toThrow(
      '"dns.search[1]" must be a string, but it is a number',
    );
  });
});

describe("a refusal", () => {
  test("shows the value in few words, however large it is", () => {
    expect(() => new Fields({ key: ["x".repeat(1e6)] }).text("key")).toThrow(
      expect.objectContaining({ details: expect.toSatisfy((details: string) => details.length < 200) }),
    );
  });

  test("is all that any JSON can cause", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...readers), (value, reader) => {
        const object = isObject(value) ? value : { key: value };
        for (const key of Object.keys(object)) {
          try {
            new Fields(object)[reader](key);
          } catch (thrown) {
            expect(thrown).toMatchObject({ name: "CniError", code: 6 });
          }
        }
      }),
    );
  });
});
