/** What the image holds is changed by a process as anything else, by that process alone, and survives its collector. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeExecutable } from "../../scripts/engine/executables.ts";
import { nativeToolchain } from "../../scripts/engine/toolchain.ts";

/** Values of every kind, which are in the image, and functions that change them at random. */
const probe = String.raw`
let state = 1;
const random = (limit) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % limit;
const pick = (list) => list[random(list.length)];
class Base { #hidden = 1; constructor(value) { this.value = value; } hide(value) { const old = this.#hidden; this.#hidden = value; return old; } }
class Derived extends Base { #map = new Map(); get = () => this.value; put(key, value) { this.#map.set(key, value); if (this.#map.size > 20) this.#map.clear(); return this.#map.size; } }
const cell = () => { let held; return { hold(value) { const old = held; held = value; return old; }, later: () => () => held }; };
function* generator(list) { let sum = 0; for (let at = 0; ; at++) { sum += (yield list[at % list.length], 1); const peek = () => sum; if (at % 7 === 6) yield peek; } }
const suspended = generator([1, "two", {}]); suspended.next();
const texts = ["name", "\u2192wide", "n".repeat(300), "part" + 1, "a" + "b".repeat(9000) + "\u2192"];
const symbols = [Symbol("own"), Symbol.for("shared"), Symbol()];
const objects = [
  [], [1, 2, 3], Array.from({ length: 40 }, (_, at) => at), {}, { name: 1, other: [2] }, Object.create(null), Object.create({ inherited: 1 }),
  { get twice() { return this.name * 2; }, set twice(value) { this.name = value; } }, Object.freeze({ fixed: 1 }), new Map([["name", 1], [2, {}]]), new Map(), new Set([1, "a"]),
  new WeakMap(), new Base(1), new Derived(2), new (class extends Array {})(), new Uint8Array(16), new Uint32Array(8).subarray(2), new ArrayBuffer(8), new Error("kept"), new Date(0),
  cell, (text) => text, cell().hold, generator, suspended, /(\d+)|(\w)/g, [1, 2][Symbol.iterator](), new Map([[1, 2], [3, 4]]).entries(), Object("boxed"),
];
const cells = [cell(), cell()];
const value = () => pick([() => random(50), () => pick(texts), () => pick(texts) + pick(texts).slice(0, 9), () => pick(objects), () => pick(symbols), () => ({ at: random(9) }), () => [pick(texts)], () => 2n ** 65n + BigInt(random(9)), () => null, () => () => 1])();
const key = () => pick([() => pick(texts), () => pick(symbols), () => random(20), () => "new" + random(30), () => pick(texts).slice(0, random(5)) + random(3)])();
const of = (kind) => objects.filter((each) => each instanceof kind)[random(2)];
const array = () => { const found = of(Array); if (found.length > 100) found.length = 5; return found; };
const tell = (it, depth = 0) => {
  if (typeof it === "string") return it.length + it.slice(0, 20) + it.slice(-5);
  if (typeof it !== "object" || it === null) return typeof it === "function" ? "function" : String(it);
  const keys = Reflect.ownKeys(it).filter((name) => name !== "stack");
  const inner = depth > 1 ? [] : keys.slice(0, 12).map((name) => { const { value, enumerable, writable } = Object.getOwnPropertyDescriptor(it, name); return tell(name) + enumerable + writable + tell(value, depth + 1); });
  return Object.prototype.toString.call(it) + keys.length + inner;
};
const steps = [
  () => { pick(objects)[key()] = value(); }, () => { pick(objects)[key()] = value(); }, () => delete pick(objects)[key()], () => tell(pick(objects)), () => tell(pick(objects)[key()]),
  () => { Object.defineProperty(pick(objects), key(), { value: value(), writable: random(2) > 0, configurable: true, enumerable: random(2) > 0 }); },
  () => { Object.defineProperty(pick(objects), key(), { get: () => 1, configurable: true }); }, () => { if (random(20) === 0) Object.freeze(pick(objects)); }, () => { if (random(4) === 0) Object.setPrototypeOf(pick(objects), pick(objects)); },
  () => { array().push(value(), value()); }, () => tell(array().pop()), () => { array().splice(random(5), random(3), value()); }, () => { array().unshift(value()); }, () => { array().sort((a, b) => (tell(a) < tell(b) ? -1 : 1)); }, () => tell(array().concat(array())),
  () => { of(Map).set(value(), value()); }, () => { const map = of(Map); map.delete(pick([...map.keys()])); }, () => { let count = 0; of(Map).forEach((_, name, map) => { if (count++ < 9) map.delete(name); }); }, () => { const set = of(Set) ?? objects[11]; set.add(value()); },
  () => { objects[12].set(pick(objects), value()); objects[12].set({}, pick(objects)); objects[12].set(Symbol("gone"), {}); }, () => tell(objects[12].get(pick(objects))),
  () => tell(objects[13].hide(value())), () => tell(objects[14].put(value(), value())), () => { Base.prototype["added" + random(3)] = value(); }, () => { Derived["fixed" + random(3)] = value(); },
  () => tell(pick(cells).hold(value())), () => tell(pick(cells).later()()), () => tell(suspended.next().value), () => { const made = generator([1]); made.next(); objects[26 - 1] = made; }, () => tell(objects[25].next(1).value),
  () => { const at = random(texts.length); texts[at] = (texts[at] + pick(texts)).slice(0, 9000 + random(3)); }, () => { const object = { [pick(texts)]: 1 }; object[pick(texts) + 1] = 2; return tell(object); }, () => { symbols[random(3)] = pick([() => Symbol("s" + random(9)), () => Symbol.for("r" + random(4))])(); },
  () => tell(pick(texts).replace(objects[26], "!")), () => tell(objects[26].exec(pick(texts))), () => { const bytes = objects[16]; bytes[random(16)] = random(256); return String(bytes); }, () => { objects[17].set([random(9)], random(6)); return String(objects[17]); }, () => tell(JSON.parse(JSON.stringify({ text: pick(texts), [pick(texts)]: 1 }))),
  () => { try { throw objects[19]; } catch (thrown) { return String(thrown === objects[19]); } }, () => tell(objects[27].next()), () => { globalThis["global" + random(4)] = value(); }, () => { Array.prototype.added = value(); delete Array.prototype.added; },
];
let sum = 0, kept;
const note = (text) => { for (let at = 0; at < text.length; at += 7) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) | 0; };
const collect = () => { for (let at = 0; at < 250; at++) { const cycle = new Array(1000).fill(at); cycle[0] = { cycle, own: pick(objects), again: () => cycle, weak: new WeakMap([[cycle, cycle]]), ["name" + at + sum]: generator(cycle) }; cycle[0]["name" + at + sum]?.next(); kept = at % 50 === 0 ? cycle : kept; } };
const program = ([, seed]) => {
  state = Number(seed);
  for (let at = 1; at <= 2000; at++) {
    const step = random(steps.length);
    try { note(step + String(steps[step]())); } catch (thrown) { note("thrown" + (thrown instanceof Error)); }
    if (at % 200 === 0) collect();
  }
  for (const each of objects) note(tell(each));
  native.write(1, native.encode(String(sum)));
  return 0;
};
program;`;

describe("what the image holds", () => {
  let folder: string;
  let executable: string;
  let evaluator: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "podwire-image-objects-"));
    [executable, evaluator] = [join(folder, "probe"), join(folder, "evaluate")];
    writeFileSync(join(folder, "probe.js"), probe);
    await makeExecutable(await nativeToolchain(), folder, join(folder, "probe.js"), {
      executable,
      evaluator,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const change = async (seed: number) => (await execa(executable, [String(seed)])).stdout;

  test("changes as it does in a process that evaluates at its start", async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const words = ["run", join(folder, "probe.js"), String(seed)];
      expect({ seed, sum: await change(seed) }).toEqual({
        seed,
        sum: (await execa(evaluator, words)).stdout,
      });
    }
  });

  test("is the same again in the next process, and in one at the same time", async () => {
    const before = readFileSync(executable);
    const sums = [await change(11), ...(await Promise.all([change(11), change(12), change(11)]))];
    expect(new Set([sums[0], sums[1], sums[3]]).size).toBe(1);
    expect(sums[2]).not.toBe(sums[0]);
    expect(readFileSync(executable).equals(before)).toBe(true);
  });
});
