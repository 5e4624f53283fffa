/**
 * A long list of objects in the configuration that most calls need not look into, such as the peers of an overlay that is in order:
 * it is parsed when it is read. To parse 5000 peers takes as long as all else in a call.
 *
 * It is cut out as a text, and what is left must be JSON with a mark in its place. So a cut is right wherever all items are objects. Where one
 * is something else, the cut may be too long, and take keys along that come behind the list; whoever reads the list gets it as it
 * is, and can refuse it. It is for verbs that either read the list, or know its text from a time when it was read.
 */

/** Where the list is: the key of an object in the configuration, and the list's key in that. */
export type ListPlace = readonly [object: string, key: string];

/** A text that is shorter is parsed at once. */
const LONG = 16384;

/** Stands in the place of the list while the rest is parsed. */
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

/** By the object that holds the list. */
const lists = new WeakMap<object, DeferredList>();

interface Cut {
  /** The text with the mark in the place of the list. */
  readonly rest: string;
  readonly list: string;
}

/** Cuts a list of objects out, as far as the first "}]", where it ends unless an item has such a list itself, or that in a text. */
function cut(text: string, key: string): Cut | undefined {
  const start = text.indexOf(`"${key}":[{`) + key.length + 3;
  const end = text.indexOf("}]", start) + 2;
  if (start < key.length + 3 || end < start) return undefined;
  const [before, after] = [text.slice(0, start), text.slice(end)];
  if (before.includes(MARK) || after.includes(MARK)) return undefined;
  return { rest: `${before}"${MARK}"${after}`, list: text.slice(start, end) };
}

/** The object that holds the mark, and so the list: nothing else can have become the mark there. */
function holderOf({ rest }: Cut, [object, key]: ListPlace): { whole: unknown; holder: Holder } | undefined {
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

/** `read` gives the list. */
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

/** The list, or where the cut was too long, what stands at its place. */
function readList(text: string, list: string, [object, key]: ListPlace, parse: Parse): unknown {
  try {
    return JSON.parse(list);
  } catch {
    return ((parse(text) as Holder)[object] as Holder)[key];
  }
}

/** What `parse` makes of a text; but the list at `place`, if it is long, is parsed when it is read. */
export function parseDeferring(text: string, place: ListPlace | undefined, parse: Parse): unknown {
  const parts = place === undefined || text.length < LONG ? undefined : cut(text, place[1]);
  if (place === undefined || parts === undefined) return parse(text);
  const found = holderOf(parts, place);
  if (found === undefined) return parse(text);
  deferList(found.holder, place[1], parts.list, () => readList(text, parts.list, place, parse));
  return found.whole;
}

/** The text of an object's list that is not parsed yet; undefined if there is none. */
export function unparsedText(holder: object, key: string): string | undefined {
  const list = lists.get(holder);
  return list?.key === key && !list.isParsed ? list.text : undefined;
}

/** The first item of a list's text, if that is an object without objects in it; undefined if it cannot be told. */
export function firstItemIn(text: string): unknown {
  const start = /^\[(\{[^{}]*\})/.exec(text)?.[1];
  try {
    // What is an object as it stands here, is this item: it cannot go on behind its own end.
    return start === undefined ? undefined : JSON.parse(start);
  } catch {
    return undefined;
  }
}

/** A value as it is; of an object with a deferred list a copy, with what `summary` makes of the list's text in its place. */
export function withSummary(value: unknown, summary: (text: string) => unknown): unknown {
  const list = isHolder(value) ? lists.get(value) : undefined;
  if (list === undefined) return value;
  const { key, text } = list;
  const holder = value as Holder;
  const keys = Object.keys(holder);
  return Object.fromEntries(keys.map((each) => [each, each === key ? summary(text) : holder[each]]));
}
