/** What validation finds, and where. */
import { findNodeAtLocation, type Node } from "jsonc-parser";

/** Keys and indices from the top. */
export type Path = readonly (string | number)[];

export interface Finding {
  readonly severity: "error" | "warning";
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly advice: string;
  readonly path: Path;
  /** Whether the key is meant, and not its value. */
  readonly isAboutKey?: boolean;
  /** Where it is if `path` cannot tell: in text that is no JSON. */
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

/** The deepest part of a path that is in the document: what is missing is reported where it should be. */
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

/** "plugins[0].ipam" of a path. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}
