/**
 * A long list in the configuration that is parsed only when it is read, such as the peers of an overlay. Most calls
 * find the overlay in order and need no peers: parsing 5000 takes as long as the rest of a call.
 *
 * The list is cut out as text, and the rest must be JSON with a mark in its place. The cut is right if all items are
 * objects. Otherwise it may be too long and include later keys; the list's reader then gets that value and can refuse
 * it. So it suits verbs that read the list, or that know its text from an earlier call.
 */

/** The list's position: the key of an object in the configuration, and the list's key in that object. */
export type ListPath = readonly [object: string, key: string];

/** A shorter text is parsed at once. */
const LONG = 16384;

/** Replaces the list while the rest is parsed. */
const MARK = "podwire: a list that is not parsed yet";

type Holder = Record<string, unknown>;
type Parse = (text: string) => unknown;

const isHolder = (value: unknown): value is Holder =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface DeferredList {
  readonly key: string;
  readonly text: string;
  isParsed: boolean;
}

/** Lists by the objects that contain them. */
const lists = new WeakMap<object, DeferredList>();

interface Cut {
  /** The text with the mark instead of the list. */
  readonly rest: string;
  readonly list: string;
}

/** Cuts out a list of objects, up to the first "}]". That is its end, unless an item contains the same characters. */
function cut(text: string, key: string): Cut | undefined {
  const start = text.indexOf(`"${key}":[{`) + key.length + 3;
  const end = text.indexOf("}]", start) + 2;
  if (start < key.length + 3 || end < start) return undefined;
  const [before, after] = [text.slice(0, start), text.slice(end)];
  if (before.includes(MARK) || after.includes(MARK)) return undefined;
  return { rest: `${before}"${MARK}"${after}`, list: text.slice(start, end) };
}

/** The object with the mark, and so with the list: no other text can become the mark at that position. */
function holderOf({ rest }: Cut, [object, key]: ListPath): { whole: unknown; holder: Holder } | undefined {
  let whole: unknown;
  try {
    whole = JSON.parse(rest);
  } catch {
    return undefined;
  }
  const holder = isHolder(whole) && Object.hasOwn(whole, object) ? whole[object] : undefined;
  return isHolder(holder) && Object.hasOwn(holder, key) && holder[key] === MARK
    ? { whole, holder }
    : undefined;
}

/** `read` returns the list. */
function deferList(holder: Holder, key: string, text: string, read: () => unknown): void {
  const define = (how: PropertyDescriptor) =>
    Object.defineProperty(holder, key, { ...how, configurable: true, enumerable: true });
  const deferred = { key, text, isParsed: false };
  lists.set(holder, deferred);
  define({
    get: () => {
      const list = read();
      deferred.isParsed = true;
      define({ value: list, writable: true });
      return list;
    },
  });
}

/** Parses the list; if the cut was too long, returns the value at its position. */
function readList(text: string, list: string, [object, key]: ListPath, parse: Parse): unknown {
  try {
    return JSON.parse(list);
  } catch {
    return ((parse(text) as Holder)[object] as Holder)[key];
  }
}

/** Parses a text by `parse`. A long list at `place` is parsed when it is read. */
export function parseDeferring(text: string, place: ListPath | undefined, parse: Parse): unknown {
  const parts = place === undefined || text.length < LONG ? undefined : cut(text, place[1]);
  if (place === undefined || parts === undefined) return parse(text);
  const found = holderOf(parts, place);
  if (found === undefined) return parse(text);
  deferList(found.holder, place[1], parts.list, () => readList(text, parts.list, place, parse));
  return found.whole;
}

/** The text of a list that is not parsed yet; undefined if the key has none. */
export function unparsedText(holder: object, key: string): string | undefined {
  const list = lists.get(holder);
  return list?.key === key && !list.isParsed ? list.text : undefined;
}

/** The first item of a list's text, if it is an object without objects in it; undefined otherwise. */
export function firstItemIn(text: string): unknown {
  const start = /^\[(\{[^{}]*\})/.exec(text)?.[1];
  try {
    // If the text up to the first closing brace is an object, it is the first item.
    return start === undefined ? undefined : JSON.parse(start);
  } catch {
    return undefined;
  }
}

/**
 * Returns a value unchanged; for an object with a deferred list, a copy with `summary` of the list's text instead.
 */
export function withSummary(value: unknown, summary: (text: string) => unknown): unknown {
  const list = isHolder(value) ? lists.get(value) : undefined;
  if (list === undefined) return value;
  const { key, text } = list;
  const holder = value as Holder;
  const keys = Object.keys(holder);
  return Object.fromEntries(keys.map((each) => [each, each === key ? summary(text) : holder[each]]));
}
