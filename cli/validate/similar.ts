/** Finds the key that a misspelt one stands for. Pure. */
import { isObject } from "../../shared/cni/fields.ts";
import type { Properties, Shape } from "../../shared/cni/schema.ts";

/** The distance of two words: inserted, removed and changed letters, and swapped neighbours (Damerau-Levenshtein). */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = a[row - 1] === b[column - 1] ? 0 : 1;
      const [left = 0, above = 0, corner = 0] = [current[column - 1], previous[column], previous[column - 1]];
      let best = Math.min(left + 1, above + 1, corner + change);
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, (before[column - 2] ?? best) + 1);
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Letters and digits alone: "ip_masq" and "ipMasq" are one word. */
const plain = (key: string) => key.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** Whether a value could be meant for a key. A number or flag in quotes could. */
function couldBe(value: unknown, { type }: Shape): boolean {
  switch (type) {
    case "boolean":
      return typeof value === "boolean" || /^(true|false)$/i.test(String(value));
    case "integer":
      return typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));
    case "string":
      return typeof value === "string";
    case "texts":
      return typeof value === "string" || Array.isArray(value);
    case "array":
      return Array.isArray(value);
    default:
      return isObject(value);
  }
}

/** "isGateway" ends with "gateway", and "noSnat" with "snat": the first letters change the meaning. */
const differsByPrefix = (a: string, b: string) => a.length !== b.length && (a.endsWith(b) || b.endsWith(a));

/** The number of mistakes by which two words may differ; undefined if they are too different. */
function mistakes(key: string, known: string): number | undefined {
  const [a, b] = [plain(key), plain(known)];
  if (a === b) return 0;
  if (Math.abs(a.length - b.length) > 1 && differsByPrefix(a, b)) return undefined;
  const most = Math.min(a.length, b.length) < 5 ? 1 : 2;
  const found = distance(a, b);
  return found <= most ? found : undefined;
}

/** "hairpin" for "hairpinMode", and "bridgeName" for "bridge". */
const isCut = (key: string, known: string) =>
  Math.min(key.length, known.length) >= 4 &&
  (plain(known).startsWith(plain(key)) || plain(key).startsWith(plain(known)));

/** The key that is most like this one, of those that the value could be meant for. */
export function similarKey(key: string, value: unknown, properties: Properties): string | undefined {
  const candidates = Object.keys(properties).filter((known) => couldBe(value, properties[known] as Shape));
  const ranked = candidates
    .map((known) => ({ known, count: mistakes(key, known) ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => a.count - b.count);
  const [nearest] = ranked;
  if (nearest !== undefined && Number.isFinite(nearest.count)) return nearest.known;
  const cut = candidates.filter((known) => isCut(key, known));
  return cut.length === 1 ? cut[0] : undefined;
}

/** The word most like this one, as for similarKey. */
export function similarWord(word: string, known: readonly string[]): string | undefined {
  const properties: Properties = Object.fromEntries(known.map((each) => [each, { type: "string" }]));
  return similarKey(word, word, properties);
}

const NEGATION = /^(no|not|non|without|disable|dis|un)[_-]?/i;

/** The flag that a key negates: "snat" for "noSnat". */
export function negatedKey(key: string, properties: Properties): string | undefined {
  if (!NEGATION.test(key)) return undefined;
  const rest = plain(key.replace(NEGATION, ""));
  return Object.keys(properties).find(
    (known) => plain(known) === rest && properties[known]?.type === "boolean",
  );
}
