import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, noArrays } from "./evaluate.ts";

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const textOf = (bytes: readonly number[]) => new TextDecoder().decode(Uint8Array.from(bytes));

/** Units of UTF-16, so that halves of surrogate pairs stand alone. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd700, max: 0xe100 })))
  .map((numbers) => String.fromCharCode(...numbers));

const texts = fc.oneof(
  units,
  fc.string({ unit: "binary" }),
  // The engine keeps a text of these in bytes.
  fc.array(fc.integer({ min: 0, max: 255 })).map((numbers) => String.fromCharCode(...numbers)),
);

/** What a decoder is tried with: forms that are too long, surrogates, what is beyond Unicode, parts, byte order marks. */
const faulty = [
  [0xef, 0xbb, 0xbf],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xe0, 0x80, 0x80],
  [0xe0, 0x9f],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x9f, 0xa6],
  [0xf4, 0x8f, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0x80],
  [0xff],
  [0],
];

const byteLists = fc
  .array(
    fc.oneof(
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 6 }),
      texts.map(utf8),
      fc.constantFrom(...faulty),
    ),
  )
  .map((parts) => parts.flat());

describe("encode", () => {
  test("gives what TextEncoder gives", async () => {
    const sample = [
      ...fc.sample(texts, 2000),
      "",
      "\0",
      "\ud800",
      "\udc00\ud800",
      "\ud83e\ud83e\udd80\udd80",
      "\ud7ff\ue000\uffff",
      "\ufeff\ufeffx",
    ];
    const encoded = await evaluate(`say(${JSON.stringify(sample)}.map((text) => [...native.encode(text)]));`);
    expect(encoded).toEqual(sample.map(utf8));
  });

  test("takes texts however they came about: joined, cut, as keys", async () => {
    const made = `
      const long = "x".repeat(9000), other = "\\u00e9".repeat(9000), wide = "\\u{1f980}".repeat(3000);
      const texts = [long + other, other + wide + long, (wide + other).slice(1, 7000), wide.slice(2999, 3002), Object.keys({ "\\u00fc": 1 })[0]];`;
    const encoded = await evaluate<number[][]>(`${made} say(texts.map((text) => [...native.encode(text)]));`);
    const expected = new Function(`${made} return texts;`)() as string[];
    expect(encoded).toEqual(expected.map(utf8));
  });

  test("takes nothing but a text", async () => {
    const values = ["undefined", "null", "5", "{ toString: () => 'x' }", "new Uint8Array(1)", "Symbol()"];
    const refusals = await evaluate(
      `say([${values.map((value) => `refusal(() => native.encode(${value}))`).join()}]);`,
    );
    expect(refusals).toEqual(values.map(() => "TypeError"));
  });
});

describe("decode", () => {
  test("gives what TextDecoder gives", async () => {
    const sample = [...fc.sample(byteLists, 2000), [], ...faulty];
    const decoded = await evaluate(
      `say(${JSON.stringify(sample)}.map((bytes) => native.decode(Uint8Array.from(bytes))));`,
    );
    expect(decoded).toEqual(sample.map(textOf));
  });

  test("gives what TextDecoder gives for any two bytes before and behind others", async () => {
    const decoded = await evaluate<string[]>(`
      const bytes = Uint8Array.of(0xe2, 0x82, 0, 0, 0x80, 0x41);
      const texts = [];
      for (let pair = 0; pair < 65536; pair++) {
        bytes[2] = pair >> 8;
        bytes[3] = pair & 255;
        texts.push(native.decode(bytes.subarray(2)), native.decode(bytes));
      }
      say(texts);`);
    const expected = Array.from({ length: 65536 }, (_, pair) => [pair >> 8, pair & 255, 0x80, 0x41]);
    expect(decoded).toEqual(expected.flatMap((bytes) => [textOf(bytes), textOf([0xe2, 0x82, ...bytes])]));
  });

  test("reads the part of the memory that an array shows, and nothing around it", async () => {
    const decoded = await evaluate(`
      const bytes = Uint8Array.from("0123456789", (digit) => digit.charCodeAt(0));
      const pairs = new Uint16Array(bytes.buffer, 2, 2);
      // An incomplete character at the end of the array goes on behind it.
      const cut = Uint8Array.of(0xe2, 0x82, 0xac);
      say([bytes.subarray(3, 5), bytes.subarray(10), pairs, cut.subarray(0, 2), cut.subarray(1)].map((each) => native.decode(each)));`);
    expect(decoded).toEqual(["34", "", "2345", "\ufffd", "\ufffd\ufffd"]);
  });

  test("takes ten megabytes", async () => {
    const lengths = await evaluate(`
      const ascii = new Uint8Array(1e7).fill(0x78), wrong = new Uint8Array(1e7).fill(0xff);
      say([native.decode(ascii).length, native.decode(wrong).length, native.encode(native.decode(wrong)).length]);`);
    expect(lengths).toEqual([1e7, 1e7, 3e7]);
  });
});

describe("latin1", () => {
  test("gives each byte as the character of its number", async () => {
    const text = await evaluate("say(native.latin1(Uint8Array.from({ length: 300 }, (_, at) => at)));");
    expect(text).toBe(String.fromCharCode(...Uint8Array.from({ length: 300 }, (_, at) => at)));
  });

  test("gives a text like any other, equal to it and found as a key", async () => {
    const same = await evaluate(`
      const text = native.latin1(Uint8Array.of(0x74, 0xe9, 0x78));
      say([text === "t\\u00e9x", { "t\\u00e9x": 1 }[text], native.latin1(new Uint8Array(0)) === "", text.length]);`);
    expect(same).toEqual([true, 1, true, 3]);
  });
});

describe("find", () => {
  const few = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 30 });
  const searches = fc
    .tuple(few, fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }), fc.nat())
    .map(([bytes, wanted, from]) => ({ bytes, wanted, from: from % (bytes.length + 1) }));

  test("gives the first place at or after another, or -1", async () => {
    const sample = fc.sample(searches, 2000);
    const found = await evaluate(
      `say(${JSON.stringify(sample)}.map(({ bytes, wanted, from }) => native.find(Uint8Array.from(bytes), Uint8Array.from(wanted), from)));`,
    );
    expect(found).toEqual(
      sample.map(({ bytes, wanted, from }) => Buffer.from(bytes).indexOf(Buffer.from(wanted), from)),
    );
  });

  test("does not look beyond the array", async () => {
    const found = await evaluate(`
      const bytes = Uint8Array.of(1, 2, 3, 4);
      say([native.find(bytes.subarray(0, 2), bytes.subarray(1, 3), 0), native.find(bytes.subarray(0, 2), bytes, 0), native.find(bytes, bytes, 0)]);`);
    expect(found).toEqual([-1, -1, 0]);
  });

  test.each([
    ["-1", "RangeError"],
    ["5", "RangeError"],
    ["0.5", "RangeError"],
    ["NaN", "RangeError"],
    ["Infinity", "RangeError"],
    ["2 ** 53", "RangeError"],
    ["undefined", "TypeError"],
    ["null", "TypeError"],
    ['"1"', "TypeError"],
  ])("does not begin at %s", async (from, name) => {
    expect(
      await evaluate(`say(refusal(() => native.find(new Uint8Array(4), new Uint8Array(1), ${from})));`),
    ).toBe(name);
  });
});

describe("a native that reads bytes", () => {
  test.each([
    "decode(VALUE)",
    "latin1(VALUE)",
    "sha512(VALUE)",
    "find(VALUE, new Uint8Array(1), 0)",
    "find(new Uint8Array(1), VALUE, 0)",
  ])("takes nothing but a typed array: %s", async (form) => {
    const attempts = noArrays.map((value) => `refusal(() => native.${form.replace("VALUE", value)})`);
    expect(await evaluate(`say([${attempts.join()}]);`)).toEqual(noArrays.map(() => "TypeError"));
  });
});
