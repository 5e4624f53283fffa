/**
 * What a rule says, as a text to compare: that of a rule as it is sent, and of the same rule as the kernel hands it out.
 * Left out is what the kernel adds (numbers that are 0), the order of attributes, the mark of nested ones, which it
 * does not set, and what counters have counted.
 */
import { Attributes, readAttributes } from "../../netlink/attributes.ts";
import { BodyWriter } from "../../netlink/body-writer.ts";
import { searchable } from "../search.ts";
import { type HeldRule, NFTA_RULE_EXPRESSIONS, type Rule } from "./message.ts";

/** Where expressions have a value or a verdict, NFTA_DATA_VALUE or NFTA_DATA_VERDICT: by name of the expression. */
const dataIn: Readonly<Record<string, readonly number[]>> = { cmp: [3], bitwise: [4, 5, 7], immediate: [2] };

const NFTA_DATA_VERDICT = 2;

function isZero(value: Uint8Array): boolean {
  return value.length === 4 && (value[0] || value[1] || value[2] || value[3]) === 0;
}

/** One attribute after the other, in the order of their types. `textIn` is for those that have attributes of their own. */
function attributesText(
  bytes: Uint8Array,
  textIn: (type: number, value: Uint8Array) => string | undefined,
): string {
  const attributes = readAttributes(bytes).sort((one, other) => one.type - other.type);
  let text = "";
  for (const { type, value } of attributes) {
    if (!isZero(value)) text += ` ${type}=${textIn(type, value) ?? searchable(value)}`;
  }
  return `(${text})`;
}

const plain = () => undefined;

function dataText(bytes: Uint8Array): string {
  return attributesText(bytes, (type, value) =>
    type === NFTA_DATA_VERDICT ? attributesText(value, plain) : undefined,
  );
}

function expressionText(name: string, bytes: Uint8Array): string {
  if (name === "counter") return name;
  const nested = dataIn[name];
  return (
    name + attributesText(bytes, (type, value) => (nested?.includes(type) ? dataText(value) : undefined))
  );
}

/** The text of a rule that is to be made. */
export function wantedText({ expressions }: Rule): string {
  let text = "";
  for (const { name, write } of expressions) {
    const writer = new BodyWriter();
    write(writer);
    text += expressionText(name, writer.finish());
  }
  return text;
}

/** The text of a rule that the kernel has. */
export function heldText({ body }: HeldRule): string {
  const list = new Attributes(body, 4).bytes(NFTA_RULE_EXPRESSIONS);
  let text = "";
  for (const { value } of list === undefined ? [] : readAttributes(list)) {
    const expression = new Attributes(value);
    text += expressionText(expression.text(1) ?? "", expression.bytes(2) ?? new Uint8Array(0));
  }
  return text;
}

/** Whether the kernel's rule is this one: its comment, and all it does. */
export type Comparator = (held: HeldRule | undefined, rule: Rule) => boolean;

export const isSameRule: Comparator = (held, rule) =>
  held !== undefined && held.comment === rule.comment && heldText(held) === wantedText(rule);

/** The same in a tenth of the time, for what every ADD looks at: what a rule of ours does, its comment tells. */
export const isSameBySign: Comparator = (held, rule) =>
  held?.isMade === true ? held.comment === rule.comment : isSameRule(held, rule);
