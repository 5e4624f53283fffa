/** Calls of shared/filter on a node, and what they are asked for. */
import { afterAll, beforeAll, expect } from "vitest";
import { writeMain } from "../../../scripts/module.ts";
import { evaluator, type ModuleScript, type Node } from "../../helpers/index.ts";
import type { Operation, WantedText } from "./driver.ts";
import { environmentOf, type Variant } from "./iptables-variants.ts";

export type { Operation, WantedText } from "./driver.ts";
export * from "./iptables-variants.ts";
export * from "./pods.ts";
export * from "./tables.ts";

/** A way to filter; `variant` says which iptables the node has, whatever the backend. */
export interface Way {
  readonly how: string;
  readonly backend: "iptables" | "nftables";
  readonly variant: Variant;
}

export const nftablesWay: Way = { how: "nftables", backend: "nftables", variant: "nf_tables" };

/** What shared/filter/filter.ts promises is true for each of these. */
export const ways: readonly Way[] = [
  nftablesWay,
  { how: "iptables, nf_tables", backend: "iptables", variant: "nf_tables" },
  { how: "iptables, legacy", backend: "iptables", variant: "legacy" },
];

/** The programs that tests of all ways call. */
export const tools = ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "ip", "nft"];

export interface Owner {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

export const owner = (containerId: string, ifname = "eth0", network = "net"): Owner => ({
  network,
  containerId,
  ifname,
});

/** The record of an interface whose addresses are masqueraded; `more` is added, or replaces. */
export const masqueradeOf = (
  way: Way,
  who: Owner,
  addresses: readonly string[],
  exceptions: readonly string[] = [],
): WantedText => ({
  owner: who,
  kind: "interface",
  backend: way.backend,
  masquerade: { addresses, exceptions },
});

/** The record of an interface whose frames have to have its MAC address. */
export const spoofCheckOf = (who: Owner, port: string, mac: string): WantedText => ({
  owner: who,
  kind: "interface",
  backend: "nftables",
  spoofCheck: { port, mac },
});

/** How a call ended: null, or the error that a plugin would print. */
export type Outcome = null | { readonly code: number; readonly message: string; readonly details: string };

let script: ModuleScript;
beforeAll(async () => {
  script = await writeMain("test/shared/filter/driver.ts");
});
afterAll(() => script[Symbol.asyncDispose]());

/** The command line that makes the calls. */
export const commandOf = (variant: Variant, ...operations: Operation[]): string[] => [
  evaluator,
  ...script.words,
  JSON.stringify(operations),
  environmentOf(variant).PATH,
];

/** Makes calls one after the other in one process, on the node or in a namespace of it. Returns their outcomes. */
export const perform = async <Result = Outcome>(
  node: Node,
  variant: Variant,
  operations: readonly Operation[],
  netns?: string,
): Promise<Result[]> => {
  const [command = "", ...args] = commandOf(variant, ...operations);
  const { stdout } = await node.exec(command, args, netns === undefined ? {} : { netns });
  return JSON.parse(stdout) as Result[];
};

const call = async (node: Node, variant: Variant, operation: Operation): Promise<Outcome> =>
  (await perform(node, variant, [operation]))[0] ?? null;

/** The calls of plugins, each in a process of its own. */
export const apply = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "apply", wanted });
export const check = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "check", wanted });
export const prepare = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "prepare", wanted });
export const clear = (node: Node, wanted: WantedText, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "clear", wanted });
export const remove = (node: Node, who: Owner, variant: Variant = "nf_tables") =>
  call(node, variant, { verb: "remove", owner: who, kind: "interface" });
export const collect = (
  node: Node,
  network: string,
  keep: readonly Owner[],
  variant: Variant = "nf_tables",
) => call(node, variant, { verb: "collect", network, keep, kind: "interface" });

/** The records on the disk, as record-text.ts writes them. */
export const recordsOf = async (node: Node, netns?: string): Promise<WantedText[]> =>
  (await perform<WantedText[]>(node, "nf_tables", [{ verb: "records" }], netns))[0] ?? [];

/** The paths of files below the folder of records, in a list by find(1): without the lock, the states and the draft. */
export const namesOfRecords = (found: string): string[] =>
  found
    .split("\n")
    .map((path) => path.replace(/^[^/]+\//, ""))
    .filter((path) => !/^(lock|records\/state|records\/\.(uses|draft))?$/.test(path))
    .sort();

/** Files below the folder of records: "records/HASH.interface". */
export const recordFiles = async (node: Node): Promise<string[]> => {
  const find = "cd /run/podwire/filter 2>/dev/null || exit 0; find . -type f -printf '%P\\n'";
  return namesOfRecords((await node.exec("sh", ["-c", find])).stdout);
};

/** The programs that calls start on the node; none of the calls fails. */
export const startedPrograms = async (
  node: Node,
  variant: Variant,
  ...operations: Operation[]
): Promise<string[]> => {
  const trace = "/run/trace";
  const options = ["-f", "-e", "trace=execve", "-e", "signal=none", "-o", trace];
  const { stdout } = await node.exec("strace", [...options, ...commandOf(variant, ...operations)]);
  expect(JSON.parse(stdout)).toEqual(operations.map(() => null));
  const lines = (await node.exec("cat", [trace])).stdout.split("\n");
  const started = lines.flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);
  expect(started[0]).toBe(evaluator);
  return started.slice(1);
};
