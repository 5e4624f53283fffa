/** A finding of `podwire validate` and its position. */
import { findNodeAtLocation, type Node } from "jsonc-parser";

/** Keys and indices from the root. */
export type Path = readonly (string | number)[];

export interface Finding {
  readonly severity: "error" | "warning";
  readonly message: string;
  /** What to do about it, or an empty text. */
  readonly advice: string;
  readonly path: Path;
  /** True if the finding is about the key, false if about its value. */
  readonly isAboutKey?: boolean;
  /** The offset of a finding that has no path: the text is not JSON. */
  readonly offset?: number;
}

export const error = (path: Path, message: string, advice = ""): Finding => ({
  severity: "error",
  path,
  message,
  advice,
});

export const warning = (path: Path, message: string, advice = ""): Finding => ({
  severity: "warning",
  path,
  message,
  advice,
});

/** The deepest node of a path that exists: a missing key is reported at its parent. */
function nearest(root: Node | undefined, path: Path): Node | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = root === undefined ? undefined : findNodeAtLocation(root, [...path.slice(0, length)]);
    if (node !== undefined) return node;
  }
  return root;
}

/** The offset of a finding in the text. */
export function offsetOf({ path, isAboutKey, offset }: Finding, root: Node | undefined): number {
  if (offset !== undefined) return offset;
  const node = nearest(root, path);
  const key = isAboutKey === true && node?.parent?.type === "property" ? node.parent : undefined;
  return (key ?? node)?.offset ?? 0;
}

export interface Position {
  /** Both from 1; a column is a UTF-16 unit, as editors count. */
  readonly line: number;
  readonly column: number;
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - before.lastIndexOf("\n") };
}

/** The path as text: "plugins[0].ipam". */
export function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}
