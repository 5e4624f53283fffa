/** The language in the engine, beside Node.js: what the executables lean on. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";

const units = fc.array(fc.integer({ min: 0, max: 0xffff })).map((numbers) => String.fromCharCode(...numbers));
const anyText = fc.oneof(fc.string(), fc.string({ unit: "binary" }), units);

/** Does the same with each value here and there. Both get the value's JSON, since lone surrogates pass only so. */
async function expectSame(values: readonly unknown[], work: string): Promise<void> {
  const json = values.map((value) => JSON.stringify(value));
  const here = new Function("value", `return (${work})(value);`) as (value: unknown) => unknown;
  const results = await evaluate<unknown[]>(
    `say(${JSON.stringify(json)}.map((json) => JSON.stringify((${work})(JSON.parse(json))) ?? "undefined"));`,
  );
  expect(Object.fromEntries(json.map((each, at) => [each, results[at]]))).toEqual(
    Object.fromEntries(json.map((each) => [each, JSON.stringify(here(JSON.parse(each))) ?? "undefined"])),
  );
}

/** JSON with a piece put in the place of another. */
const brokenJson = fc
  .record({
    text: fc.oneof(fc.json({ maxDepth: 3 }), fc.json({ maxDepth: 3, stringUnit: "binary" })),
    from: fc.nat(),
    length: fc.nat({ max: 2 }),
    piece: fc.oneof(
      fc.constantFrom(
        ..."{}[]\",:\\/-+.eE0 1\n\t\r\0\u00a0\ufeff\u2028'a",
        "\\u",
        "\\ud83e",
        "\\x",
        "null",
        "NaN",
        "01",
        "1.",
        ".5",
        "1e400",
        "//",
        "__proto__",
      ),
      anyText,
      fc.constant(""),
    ),
  })
  .map(({ text, from, length, piece }) => {
    const start = from % (text.length + 1);
    return text.slice(0, start) + piece + text.slice(start + length);
  });

const samples = [
  "",
  "-0",
  "1e400",
  "-1E-400",
  "9007199254740993",
  "0.1e1",
  "1e+5",
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":1,"b":2,"1":3,"0":4,"b":5}',
  '{"a":{"__proto__":{"x":1}}}',
  '"\u007f\u2028"',
  "[1,]",
  "[,1]",
  "{,}",
  "+1",
  "0x1",
  "Infinity",
  "undefined",
  "\ufeff1",
  "1\u00a0",
  '"\t"',
  "tru",
  "nullx",
  "-01",
  "-0.e1",
  "2.",
  "[2.,3]",
  "2.e5",
  "2.5e",
  ...Array.from({ length: 128 }, (_, code) => `"\\${String.fromCharCode(code)}0041"`),
  '"\\u{41}"',
  '"\\u004"',
  '"\\\u2028"',
];

describe("JSON", () => {
  test("is read as Node.js reads it, or refused as it refuses it", async () => {
    await expectSame(
      [...samples, ...fc.sample(brokenJson, 4000)],
      "(text) => { try { const value = JSON.parse(text); return [JSON.stringify(value), Object.is(value, -0), value?.x ?? 0]; } catch (thrown) { return thrown.name; } }",
    );
  });

  test("is written as Node.js writes it", async () => {
    const values = fc.sample(fc.jsonValue({ stringUnit: "binary" }), 1000);
    await expectSame(
      [...values, ...fc.sample(units, 500)],
      "(value) => [JSON.stringify(value), JSON.stringify([value], undefined, 4)]",
    );
  });
});

describe("numbers", () => {
  const doubles = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  );

  test("are texts as in Node.js", async () => {
    await expectSame(
      [...fc.sample(doubles, 3000), 1e21, 1e-7, 5e-324, 123456789012345680000],
      "(value) => [String(value), value.toString(16), Math.abs(value) < 1e20 ? value.toFixed(3) : '']",
    );
  });

  test("are read from texts as in Node.js", async () => {
    const texts = fc.oneof(
      doubles.map(String),
      fc.stringMatching(/^ ?[-+]?[0-9]{0,4}\.?[0-9]{0,3}(e-?[0-9]{1,3})? ?$/),
      fc.stringMatching(/^0[xXoOb][0-9a-f]{0,5}$/),
      anyText,
    );
    await expectSame(
      [...fc.sample(texts, 3000), "", " ", "1_0", "Infinity", "-0", "1n"],
      "(text) => [String(Number(text)), String(parseInt(text, 16)), String(Number.parseInt(text, 10)), String(parseFloat(text))]",
    );
  });

  test("of 128 bits are reckoned with as in Node.js", async () => {
    const wide = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(String);
    const values = fc.sample(fc.tuple(wide, wide, fc.integer({ min: 0, max: 128 })), 1000);
    await expectSame(
      values,
      "([a, b, c]) => { const [x, y, s] = [BigInt(a), BigInt(b), BigInt(c)]; return [x + y, x - y, x * y, y === 0n ? 0n : x / y, y === 0n ? 0n : x % y, x >> s, x << s, x & y, x | y, x ^ y, -x].flatMap((each) => [String(each), each.toString(16), each.toString(2)]).concat(String(x < y), String(Number(x))); }",
    );
  });
});

describe("texts", () => {
  // Letters beyond these have another case in another version of Unicode.
  test("have the methods of Node.js", async () => {
    await expectSame(
      [...fc.sample(anyText, 2000), "\u00df\u0130\u03a3", "\u01c5 \ufb03", " \u00a0\ufeff\u3000x\u2003\n"],
      "(text) => { const latin = text.replace(/[^\\0-\\u024f]/g, ''); return [latin.toLowerCase(), latin.toUpperCase(), text.trim(), text.split(''), [...text].length, text.at(-1) ?? '', text.padStart(9, 'ab'), text.replaceAll('a', '$&b'), text.indexOf('b'), encodeURIComponent(text.replace(/[\\ud800-\\udfff]/g, ''))]; }",
    );
  });

  test("are compared and sorted as in Node.js", async () => {
    const lists = fc.sample(
      fc.array(fc.oneof(anyText, fc.constantFrom("a", "B", "\u00e9", "e", "\ud83e\udd80", "\uffff")), {
        maxLength: 30,
      }),
      400,
    );
    await expectSame(
      lists,
      "(list) => [[...list].sort(), list.map((each) => each < 'e'), [...new Set(list)]]",
    );
  });

  test("are matched by expressions as in Node.js", async () => {
    const expressions = [
      "/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/",
      "/(?<name>[a-z]+)=(?<value>[^;]*)(;|$)/g",
      "/[\\u{1f900}-\\u{1f9ff}]/u",
      "/(?<!a)b(?=c)|^\\s+|\\s+$/gm",
      "/(a|ab)(c|bcd)?\\2*/i",
      "/./gsu",
    ];
    const texts = fc.oneof(anyText, fc.stringMatching(/^[abc=;_. \n-]{0,20}$/));
    await expectSame(
      fc.sample(texts, 1500),
      `(text) => [${expressions.map((each) => `text.match(${each}), text.replace(${each}, "<$&>")`).join()}]`,
    );
  });
});

describe("lists", () => {
  test("are sorted stably, by the same comparisons as in Node.js", async () => {
    const lists = fc.sample(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat()), { maxLength: 300 }),
      200,
    );
    await expectSame(
      lists,
      "(list) => [[...list].sort(([a], [b]) => a - b), list.toSorted(([a], [b]) => b - a), list.findLast(([a]) => a === 2) ?? null]",
    );
  });

  test("of ten thousand are sorted stably", async () => {
    const stable = await evaluate(`
      const list = Array.from({ length: 10000 }, (_, at) => ({ key: (at * 7919) % 10, at }));
      list.sort((a, b) => a.key - b.key);
      say(list.every(({ key, at }, place) => place === 0 || list[place - 1].key < key || (list[place - 1].key === key && list[place - 1].at < at)));`);
    expect(stable).toBe(true);
  });
});

test("moments are printed as in Node.js", async () => {
  const moments = fc.sample(fc.integer({ min: -62135596800000, max: 253402300799999 }), 1000);
  await expectSame(
    moments,
    "(moment) => [new Date(moment).toISOString(), Date.parse(new Date(moment).toISOString())]",
  );
});
