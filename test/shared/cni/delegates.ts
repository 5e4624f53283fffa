/** Delegates for the tests: shell scripts on a node, which write down how they are called. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type CniCommand, distBin, type Node } from "../../helpers/index.ts";

/** The folder on CNI_PATH that they are in by default. */
export const delegateFolder = "/run/delegates";

/** CNI_PATH with the scripts first, then our own executables. */
export const delegatePath = `${delegateFolder}:${distBin}`;

/** Shell code by verb; a verb without any succeeds silently. */
export type Behaviour = Partial<Record<CniCommand, string>>;

/** An address, as an IPAM plugin hands it out. */
export const address = { address: "10.9.0.2/24", gateway: "10.9.0.1" };

/** Shell code that prints JSON. */
export const print = (value: unknown): string => `cat <<'END'\n${JSON.stringify(value)}\nEND`;

const log = (node: Node, name: string): string => node.path(`${delegateFolder}/${name}.calls`);

/**
 * Puts an executable script called `name` on the node. Each call is written down before the script does what
 * it does with it.
 */
export const addDelegate = (node: Node, name: string, verbs: Behaviour, folder = delegateFolder): void => {
  mkdirSync(node.path(folder), { recursive: true });
  mkdirSync(node.path(delegateFolder), { recursive: true });
  const cases = Object.entries(verbs).map(([verb, code]) => `${verb})\n${code}\n;;`);
  const calls = `${delegateFolder}/${name}.calls`;
  const lines = [
    "#!/bin/sh",
    `echo "$CNI_COMMAND $0" >>${calls}`,
    'case "$CNI_COMMAND" in',
    ...cases,
    "esac",
    "",
  ];
  const file = node.path(`${folder}/${name}`);
  writeFileSync(file, lines.join("\n"));
  chmodSync(file, 0o755);
};

/** How a delegate was called so far: "VERB PATH" each time. */
export const callsOf = (node: Node, name: string): string[] => {
  const file = log(node, name);
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
};

/** The verbs of these calls. */
export const verbsOf = (node: Node, name: string): string[] =>
  callsOf(node, name).map((call) => call.slice(0, call.indexOf(" ")));
