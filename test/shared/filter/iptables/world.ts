/** A node with both variants of iptables, and calls of the backend from there. */
import { expect } from "vitest";
import type { FilterRecord } from "../../../../shared/filter/record.ts";
import { evaluator, type Node, runModule, writeModule } from "../../../helpers/index.ts";
import { environmentOf, suffix, type Variant } from "../iptables-variants.ts";
import { fromJson, toJson } from "./records.ts";

export * from "../iptables-variants.ts";
export * from "../pods.ts";

export const other = (variant: Variant): Variant => (variant === "legacy" ? "nf_tables" : "legacy");

export const tools = [
  "iptables-nft-restore",
  "iptables-legacy-restore",
  "ip6tables-legacy-restore",
  "nft",
  "strace",
];

/** The rules of a table as iptables-save lists them, and the chains that are not built in. */
export async function rulesOf(
  node: Node,
  variant: Variant,
  family: 4 | 6 = 4,
  table = "nat",
): Promise<string[]> {
  const tool = family === 4 ? "iptables" : "ip6tables";
  const { stdout } = await node.exec(`${tool}-${suffix(variant)}-save`, ["-t", table]);
  return stdout.split("\n").filter((line) => line.startsWith("-A ") || / - \[/.test(line));
}

export const runIptables = (node: Node, variant: Variant, command: string) =>
  node.exec("sh", ["-ec", `nat="iptables -t nat"; $nat ${command}`], { env: environmentOf(variant) });

/** How a call ended: null, or the error that a plugin would print. */
export type Outcome = null | { readonly code: number; readonly message: string; readonly details: string };

export interface Operation {
  readonly do: "prepare" | "change" | "check" | "recover";
  readonly record?: FilterRecord;
  readonly removed?: readonly FilterRecord[];
  readonly added?: readonly FilterRecord[];
  /** What is on the disk. */
  readonly all?: readonly FilterRecord[];
}

/** The source of a program that makes the calls and prints the list of their outcomes, or of what they returned. */
const source = (operations: readonly Operation[], variant: Variant): string => `
  import { iptablesBackend } from "./shared/filter/iptables/index.ts";
  import { formatIp, parseIp } from "./shared/ip/address.ts";
  import { withNetfilter } from "./shared/netlink/netfilter.ts";
  import { readTextIfPresent, writeFile } from "./shared/system/file.ts";
  const uses = { read: () => readTextIfPresent("/run/uses"), write: (text) => writeFile("/run/uses", text, 0o600) };
  const operations = JSON.parse(${JSON.stringify(toJson(operations))}, (_, each) => typeof each?.ip === "string" ? parseIp(each.ip) : each);
  const outcome = (connection, { do: verb, record, removed = [], added = [], all = [] }) => {
    const context = { connection, environment: ${JSON.stringify(environmentOf(variant))}, allRecords: () => all, some: (kind, test) => all.some((each) => each.kind === kind && test(each)), holds: () => true, uses };
    try {
      return iptablesBackend[verb](context, verb === "change" ? { removed, added } : record) ?? null;
    } catch (thrown) {
      const { code, message, details, stack } = thrown;
      return { code, message, details, ...(code === undefined ? { stack } : {}) };
    }
  };
  const outcomes = withNetfilter((connection) => operations.map((each) => outcome(connection, each)));
  console.log(JSON.stringify(outcomes, (_, each) => typeof each?.value === "bigint" ? { ip: formatIp(each) } : each));`;

/** Makes the calls on the node, one after the other in one process. */
export async function run(node: Node, variant: Variant, ...operations: Operation[]): Promise<unknown[]> {
  return fromJson(JSON.stringify(await runModule(node, source(operations, variant)))) as unknown[];
}

/** What a program prints, and the programs that it starts. */
export async function programsOf(node: Node, text: string): Promise<{ value: unknown; programs: string[] }> {
  await using script = await writeModule(text);
  const options = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", "/run/trace"];
  const { stdout } = await node.exec("strace", [...options, evaluator, ...script.words]);
  const lines = (await node.exec("cat", ["/run/trace"])).stdout.split("\n");
  const paths = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
  const programs = paths.slice(1).map((path) => path.slice(path.lastIndexOf("/") + 1));
  return { value: JSON.parse(stdout), programs };
}

/** The programs that calls start, none of which fails. */
export async function startedBy(node: Node, variant: Variant, ...operations: Operation[]): Promise<string[]> {
  const { value, programs } = await programsOf(node, source(operations, variant));
  for (const each of value as unknown[]) if (each !== null) expect(each).toBeInstanceOf(Array);
  return programs;
}
