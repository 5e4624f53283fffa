/** JSON as libcni and the plugins read it: no comments, no trailing commas, one value. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { error, type Finding, type Position, positionAt, warning } from "./finding.ts";

const messages: Readonly<Record<string, string>> = {
  InvalidSymbol: "this is not a JSON value",
  InvalidNumberFormat: "this is not a JSON number",
  PropertyNameExpected: "a key in double quotes is expected here",
  ValueExpected: "a value is expected here",
  ColonExpected: "a colon is expected here",
  CommaExpected: "a comma is expected here",
  CloseBraceExpected: "a closing brace } is expected here",
  CloseBracketExpected: "a closing bracket ] is expected here",
  EndOfFileExpected: "the JSON value has ended: nothing may follow",
  InvalidCommentToken: "JSON has no comments",
  UnexpectedEndOfComment: "JSON has no comments",
  UnexpectedEndOfString: "the string does not end on its line",
  UnexpectedEndOfNumber: "this is not a JSON number",
  InvalidUnicode: "\\u needs four hexadecimal digits",
  InvalidEscapeCharacter: "JSON has no escape of this kind",
  InvalidCharacter: "a control character must be escaped",
};

const strict = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };

function findingOf({ error: code, offset }: ParseError, text: string): Finding {
  const name = printParseErrorCode(code);
  const advice = name === "PropertyNameExpected" ? "remove a comma before it, if there is one" : "";
  const message = text.trim() === "" ? "the file is empty" : (messages[name] ?? "this is not valid JSON");
  return { ...error([], message, advice), offset };
}

/** Reports repeated keys: the last one counts. */
function repeatedKeys(node: Node): Finding[] {
  if (node.type === "array") return (node.children ?? []).flatMap(repeatedKeys);
  if (node.type !== "object") return [];
  const seen = new Set<string>();
  return (node.children ?? []).flatMap(({ children: [key, value] = [] }) => {
    if (key === undefined || value === undefined) return [];
    const name = String(key.value);
    const found = seen.has(name)
      ? [{ ...warning([], `"${name}" is repeated here: the last one counts`), offset: key.offset }]
      : [];
    seen.add(name);
    return [...found, ...repeatedKeys(value)];
  });
}

export interface Document {
  /** Undefined for an empty document. */
  readonly root: Node | undefined;
  /** The value; undefined if the text is not JSON. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
}

/** A limit for recursive parsers. Configurations that plugins read have less than ten levels. */
const deepest = 100;

/** The offset of the first bracket below the limit. Brackets in strings do not count. */
function tooDeep(text: string): number | undefined {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    if (depth > deepest) return index;
  }
  return undefined;
}

/**
 * Some editors begin a file with a byte order mark; libcni and the reference plugins (Go's encoding/json) refuse it.
 */
function mark(text: string): Finding | undefined {
  if (text.startsWith("\uFEFF")) {
    const message = "the file begins with a byte order mark, which is not valid JSON";
    return { ...error([], message, "save it as UTF-8 without one (without BOM)"), offset: 0 };
  }
  // UTF-16's marks FE FF and FF FE, decoded as UTF-8.
  if (!text.startsWith("\uFFFD\uFFFD")) return undefined;
  return { ...error([], "the file is not UTF-8 text", "it may be UTF-16: save it as UTF-8"), offset: 0 };
}

/** Reads a text. If it is not JSON, reports only the first error: the others mostly follow from it. */
export function readDocument(text: string): Document {
  const unreadable = mark(text);
  if (unreadable !== undefined) return { root: undefined, value: undefined, findings: [unreadable] };
  const deep = tooDeep(text);
  if (deep !== undefined) {
    const finding = { ...error([], `there are more than ${deepest} levels of brackets here`), offset: deep };
    return { root: undefined, value: undefined, findings: [finding] };
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, strict);
  const [first] = errors;
  if (first !== undefined) return { root, value: undefined, findings: [findingOf(first, text)] };
  try {
    return { root, value: JSON.parse(text), findings: root === undefined ? [] : repeatedKeys(root) };
  } catch (thrown) {
    // The two parsers disagree: the plugins use JSON.parse.
    return { root, value: undefined, findings: [{ ...error([], (thrown as Error).message), offset: 0 }] };
  }
}

/** The first error of a text that is not JSON, with its position; undefined if there is no error. */
export function firstMistake(text: string): (Position & { message: string }) | undefined {
  const [first] = readDocument(text).findings.filter(({ severity }) => severity === "error");
  return first === undefined ? undefined : { message: first.message, ...positionAt(text, first.offset ?? 0) };
}
