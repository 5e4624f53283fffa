/** The sum over netlink messages, beside the same said once more in TypeScript. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileSelection, type Selection } from "../../shared/netlink/dump-sum.ts";
import { evaluate, noArrays } from "./evaluate.ts";

const DONE = 3;
const ERROR = 2;
const INTERRUPTED = 0x10;

interface Attribute {
  readonly type: number;
  readonly value: readonly number[] | readonly Attribute[];
}

interface Message {
  readonly type: number;
  readonly flags: number;
  /** Of the request and of the process, which are not summed. */
  readonly numbers: readonly [number, number];
  readonly header: readonly number[];
  readonly attributes: readonly Attribute[];
}

const wordBytes = (...words: readonly number[]) =>
  words.flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
const padded = (bytes: readonly number[]) => [...bytes, ...Array(-bytes.length & 3).fill(0)] as number[];
const isNested = (value: Attribute["value"]): value is readonly Attribute[] => typeof value[0] === "object";

function attributeBytes({ type, value }: Attribute): number[] {
  const payload = isNested(value) ? value.flatMap(attributeBytes) : value;
  return padded([...wordBytes((4 + payload.length) | (type << 16)), ...payload]);
}

function messageBytes({ type, flags, numbers, header, attributes }: Message): number[] {
  const body = [...wordBytes(...header), ...attributes.flatMap(attributeBytes)];
  return [...wordBytes(16 + body.length, type | (flags << 16), ...numbers), ...body];
}

const MASK = (1n << 64n) - 1n;

/** FNV-1a by words. */
function mixed(hash: bigint, bytes: readonly number[]): bigint {
  let result = hash;
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4).reduceRight((value, byte) => value * 256 + byte, 0);
    result = ((result ^ BigInt(word)) * 0x100000001b3n) & MASK;
    result ^= result >> 32n;
  }
  return result;
}

/** The attributes that bytes are, as far as they are some. */
function itemsIn(bytes: readonly number[]): (readonly number[])[] {
  const [low = 0, high = 0] = bytes;
  const length = (low + high * 256 + 3) & ~3;
  if (length < 4 || length > bytes.length) return [];
  return [bytes.slice(0, length), ...itemsIn(bytes.slice(length))];
}

/** What each thing that counts contributes: one, or one for each item of the list. */
function termsOf({ header, attributes }: Message, selection: Selection): bigint[] {
  const isMeant = selection.header.every(
    ({ mask = 0, value = 0 }, at) => (((header[at] ?? 0) & mask) | 0) === (value | 0),
  );
  if (!isMeant) return [];
  const kept = selection.header.flatMap(({ kept: bits = 0 }, at) => wordBytes((header[at] ?? 0) & bits));
  let hash = mixed(0xcbf29ce484222325n, kept);
  const items: bigint[] = [];
  for (const attribute of attributes) {
    const type = attribute.type & 0x3fff;
    const { value } = attribute;
    if (selection.list !== undefined && type === selection.list) {
      for (const item of itemsIn(isNested(value) ? value.flatMap(attributeBytes) : padded(value)))
        items.push(mixed(hash, item));
    } else if (selection.attributes.includes(type)) hash = mixed(hash, attributeBytes(attribute));
  }
  return selection.list === undefined ? [hash] : items;
}

interface SumResult {
  /** In decimal digits: how many, and the total. */
  readonly sum: readonly [string, string];
  readonly result: number;
}

function expected(messages: readonly Message[], selection: Selection): SumResult {
  let result = 0;
  const terms: bigint[] = [];
  for (const message of messages) {
    if ((message.flags & INTERRUPTED) !== 0) result |= 2;
    if (message.type === ERROR || message.type === DONE) {
      // Behind the header is an errno.
      const isRefused = messageBytes(message)
        .slice(16, 20)
        .some((byte) => byte !== 0);
      result |= message.type === ERROR || isRefused ? 3 : 1;
      break;
    }
    terms.push(...termsOf(message, selection));
  }
  const total = terms.reduce((sum, term) => (sum + term) & MASK, 0n);
  return { sum: [String(terms.length), String(total)], result };
}

interface Case {
  readonly bytes: readonly number[];
  readonly selection: Selection;
}

const sums = (cases: readonly Case[]) =>
  evaluate<SumResult[]>(`
    const cases = ${JSON.stringify(cases.map(({ bytes, selection }) => [bytes, [...compileSelection(selection)]]))};
    say(cases.map(([list, selection]) => {
      const bytes = Uint8Array.from(list), sum = new BigUint64Array(2);
      const result = native.sumDump(bytes, bytes.length, Int32Array.from(selection), sum);
      return { sum: [...sum].map(String), result };
    }));`);

const word = fc.oneof(fc.nat({ max: 3 }), fc.integer());
const payload = fc.uint8Array({ maxLength: 9 }).map((bytes) => [...bytes]);
const type = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 0xffff }));
const plain = fc.record({ type, value: payload });
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  plain,
  fc.record({ type, value: fc.array(plain, { minLength: 1, maxLength: 4 }) }),
);
const messageWith = (headerWords: number): fc.Arbitrary<Message> =>
  fc.record({
    type: fc.oneof({ arbitrary: fc.integer({ min: 4, max: 99 }), weight: 9 }, fc.constantFrom(ERROR, DONE)),
    flags: fc.oneof({ arbitrary: fc.constant(2), weight: 9 }, fc.constant(INTERRUPTED)),
    numbers: fc.tuple(fc.nat(), fc.nat()),
    header: fc.array(word, { minLength: headerWords, maxLength: headerWords }),
    attributes: fc.array(attribute, { maxLength: 5 }),
  });
const message = messageWith(2);
const headerWord = fc.record({ mask: word, value: word, kept: word }, { requiredKeys: [] });
const selection: fc.Arbitrary<Selection> = fc.record(
  {
    header: fc.array(headerWord, { maxLength: 2 }),
    attributes: fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { maxLength: 5 }),
    list: fc.integer({ min: 1, max: 5 }),
  },
  { requiredKeys: ["header", "attributes"] },
);
const everything: Selection = { header: [{ kept: ~0 }, { kept: ~0 }], attributes: [1, 2, 3, 4, 5] };

describe("the sum over a datagram", () => {
  test("is of what is selected, and reports its end", async () => {
    const pair = selection.chain((one) =>
      fc.tuple(fc.array(messageWith(one.header.length), { maxLength: 6 }), fc.constant(one)),
    );
    const sample = fc.sample(pair, 1000);
    const result = await sums(
      sample.map(([messages, one]) => ({ bytes: messages.flatMap(messageBytes), selection: one })),
    );
    // Of a dump that the kernel refused or changed meanwhile, the sum is of no use (native/dump-sum.c): only that counts.
    const USELESS = 2;
    const meant = (one: { readonly result: number }) => ((one.result & USELESS) === 0 ? one : one.result);
    expect(result.map(meant)).toEqual(sample.map(([messages, one]) => meant(expected(messages, one))));
  });

  test("is the same in another order, and with other numbers in the headers", async () => {
    const usual = message.filter(({ type: kind }) => kind !== ERROR && kind !== DONE);
    const sample = fc.sample(fc.array(usual, { minLength: 2, maxLength: 6 }), 200);
    const turned = sample.map((messages) =>
      [...messages].reverse().map((each) => ({ ...each, numbers: [7, 8] as const })),
    );
    const of = (list: readonly (readonly Message[])[]) =>
      sums(list.map((messages) => ({ bytes: messages.flatMap(messageBytes), selection: everything })));
    expect(await of(turned)).toEqual(await of(sample));
  });

  test("of a list is the same in whatever parts it comes", async () => {
    const item = fc.record({ type: fc.constant(1), value: payload });
    const sample = fc.sample(fc.array(item, { minLength: 2, maxLength: 9 }), 100);
    const list: Selection = { header: [{}], attributes: [2], list: 3 };
    const name = { type: 2, value: [97, 0] };
    const part = (items: readonly Attribute[]): Message => ({
      type: 9,
      flags: 2,
      numbers: [1, 2],
      header: [5],
      attributes: [name, { type: 3, value: items }],
    });
    const whole = sample.map((items) => [part(items)]);
    const parts = sample.map((items) => [part(items.slice(1)), part(items.slice(0, 1))]);
    const of = (datagrams: readonly (readonly Message[])[]) =>
      sums(datagrams.map((messages) => ({ bytes: messages.flatMap(messageBytes), selection: list })));
    const result = await of(whole);
    expect(await of(parts)).toEqual(result);
    expect(result.map(({ sum: [count] }) => count)).toEqual(sample.map(({ length }) => String(length)));
  });

  test("changes with any bit that counts", async () => {
    const one: Message = {
      type: 28,
      flags: 2,
      numbers: [1, 2],
      header: [2, 7],
      attributes: [
        { type: 1, value: [10, 0, 0, 1] },
        { type: 2, value: [2, 0, 0, 0, 0, 9] },
      ],
    };
    const bytes = messageBytes(one);
    // Behind the header that all messages have; and not in the attributes' lengths and types, nor in padding.
    const counting = bytes
      .map((_, at) => at)
      .filter((at) => at >= 16 && !(at >= 24 && at < 28) && at < bytes.length - 2);
    const changed = counting
      .filter((at) => at < 32 || at >= 36)
      .flatMap((at) => Array.from({ length: 8 }, (_, bit) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << bit))));
    const result = await sums([bytes, ...changed].map((each) => ({ bytes: each, selection: everything })));
    expect(new Set(result.map(({ sum: [, total] }) => total)).size).toBe(changed.length + 1);
  });

  test("of any bytes is no fault of memory, and has an end", async () => {
    const nearly = fc
      .tuple(fc.array(message, { maxLength: 3 }), fc.array(fc.tuple(fc.nat(80), fc.nat(255))), fc.nat(80))
      .map(([messages, changes, cut]) => {
        const bytes = messages.flatMap(messageBytes);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes.slice(0, Math.max(0, bytes.length - cut));
      });
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => [...bytes]),
      nearly,
    );
    const sample = fc.sample(fc.tuple(any, selection), 2000);
    for (const { result } of await sums(sample.map(([bytes, one]) => ({ bytes, selection: one }))))
      expect([0, 1, 2, 3]).toContain(result);
  });

  test("of a message that is cut off, or shorter than a header, is of no use", async () => {
    const bytes = messageBytes({ type: 9, flags: 2, numbers: [0, 0], header: [1, 2], attributes: [] });
    const result = await sums(
      [bytes.slice(0, -4), [15, ...bytes.slice(1)]].map((each) => ({ bytes: each, selection: everything })),
    );
    expect(result.map(({ result: what }) => what)).toEqual([3, 3]);
  });
});

describe("what is no datagram, selection or sum", () => {
  test("is refused", async () => {
    const refused = await evaluate<string[]>(`
      const bytes = new Uint8Array(32), selection = Int32Array.of(0, 0, 0), sum = new BigUint64Array(2);
      const is = (...all) => refusal(() => native.sumDump(...all));
      say([
        ...[${noArrays.join(", ")}].flatMap((none) => [is(none, 0, selection, sum), is(bytes, 0, none, sum), is(bytes, 0, selection, none)]),
        ...[33, -1, 1.5, NaN, "1", undefined].map((size) => is(bytes, size, selection, sum)),
        ...[[], [0], [0, 0], [1, 0, 0], [-1, 0, 0], [9, 0, 0, ...Array(27).fill(0)], [0, 0, 0, 0], [1 << 30, 0, 0]].map((rules) => is(bytes, 0, Int32Array.from(rules), sum)),
        ...[0, 1, 3].map((length) => is(bytes, 0, selection, new BigUint64Array(length))),
      ]);`);
    expect(refused.filter((name) => name !== "TypeError" && name !== "RangeError")).toEqual([]);
    expect(
      await evaluate(
        `say(native.sumDump(new Uint8Array(32), 0, Int32Array.of(0, 0, 0), new BigUint64Array(2)));`,
      ),
    ).toBe(0);
  });
});
