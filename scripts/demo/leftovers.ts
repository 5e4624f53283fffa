import type { Node, Snapshot } from "../../test/helpers/index.ts";
import type { Container } from "./containers.ts";
import { detail, Failure, step, success } from "./screen.ts";

const sections = (snapshot: Snapshot): [string, string[]][] => Object.entries(snapshot);

/** Texts that identify a container: its ID, its addresses, its interfaces. */
function marks({ attachment, result }: Container): string[] {
  const own = (result.interfaces ?? []).filter(({ name }) => name !== attachment.ifname);
  // The first interface is the bridge, which stays.
  const hostEnds = own.slice(1).map(({ name }) => name);
  const inside = (result.interfaces ?? []).filter(({ name }) => name === attachment.ifname);
  const addresses = (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
  return [attachment.containerId, ...addresses, ...hostEnds, ...inside.map(({ mac }) => mac)];
}

function mentions(line: string, mark: string): boolean {
  const word = mark.replaceAll(".", "\\.");
  return new RegExp(`(^|[^\\w.])${word}($|[^\\w.])`).test(line);
}

/** All lines of a snapshot that mention one of the containers. */
function tracesOf(containers: readonly Container[], snapshot: Snapshot): string[] {
  const all = containers.flatMap(marks);
  return sections(snapshot).flatMap(([section, lines]) =>
    lines.filter((line) => all.some((mark) => mentions(line, mark))).map((line) => `${section}: ${line}`),
  );
}

const named = (line: string, ...keys: string[]): string => {
  const item = JSON.parse(line) as Record<string, unknown>;
  return keys.map((key) => item[key] ?? "").join(" ");
};

/** The sections that a person can read quickly, with the short form of a line. */
const readers: Record<string, (line: string) => string> = {
  links: (line) => named(line, "ifname"),
  addresses: (line) => named(line, "ifname", "local"),
  routes: (line) => named(line, "dst", "dev"),
  iptables: (line) => line,
  ip6tables: (line) => line,
  ipsets: (line) => line,
  files: (line) => line.split(": ")[0] ?? line,
};

// The parts of an iptables dump that are not rules.
const frame = /^(\*|COMMIT|:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) )/;

/** Describes the lines that only the second snapshot has. */
function kept(before: Snapshot, after: Snapshot): string[] {
  const known = new Map(sections(before).map(([section, lines]) => [section, new Set(lines)]));
  return sections(after).flatMap(([section, lines]) => {
    const read = readers[section];
    if (read === undefined) return [];
    const added = lines.filter((line) => !known.get(section)?.has(line) && !frame.test(line));
    return [...new Set(added.map((line) => `${section}: ${read(line)}`))];
  });
}

/** Joins more than two lines that differ only in numbers, and shows the first. */
function inShort(lines: readonly string[]): string[] {
  const kinds = new Map<string, string[]>();
  for (const line of lines) {
    const kind = line.replace(/\d+/g, "0");
    kinds.set(kind, [...(kinds.get(kind) ?? []), line]);
  }
  return [...kinds.values()].flatMap(([first = "", ...more]) =>
    more.length > 1 ? [first, `  and ${more.length} more of this kind`] : [first, ...more],
  );
}

/** Shows that the node has nothing of the containers, and lists the new objects since `before`. */
export async function showLeftovers(
  node: Node,
  before: Snapshot,
  containers: readonly Container[],
): Promise<void> {
  step("Look for what is left");
  const after = await node.snapshot();
  const traces = tracesOf(containers, after);
  if (traces.length > 0) throw new Failure(`left behind:\n${traces.join("\n")}`);
  success("of the containers: nothing");
  detail("kept on the node for the next container:");
  for (const line of inShort(kept(before, after))) detail(`  ${line}`);
}
