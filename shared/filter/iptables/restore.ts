/** Runs iptables-restore and iptables-save: the only programs that a plugin starts for the packet filter. */
import { CniError, ErrorCode } from "../../cni/error.ts";
import { started } from "../../cni/not-runnable.ts";
import type { Family } from "../../ip/address.ts";
import { readLink } from "../../system/file.ts";
import { findExecutable, programFolders, runProcess } from "../../system/process.ts";
import { decodeText, encodeText } from "../../system/text.ts";
import type { FilterContext } from "../kernel.ts";
import { readSaved, type SavedTable, type TableName } from "./saved.ts";

type Environment = FilterContext["environment"];

/** iptables exists twice, with rules in different parts of the kernel. */
export type Variant = "nf_tables" | "legacy";

/** How long it may wait for the lock of legacy iptables. */
const LOCK_SECONDS = 5;

/**
 * How long it may run, in milliseconds. A rule has about 100 characters and takes up to 3 ms on a busy node; 3000 ports need
 * 10,000 rules.
 */
const limitFor = (input: string): number => 45_000 + Math.round(input.length / 10);
/** Exit code 4 says too that the kernel refused a batch of nf_tables: xshared.c, xtables_lock, has these words. */
const NO_LOCK = /holding the xtables lock/;

/** What the rules are for, in errors. */
export interface Purpose {
  /** Completes "the rules of". */
  readonly name: string;
  /** What to configure instead. */
  readonly instead: string;
}

export const masquerading: Purpose = { name: "masquerade", instead: 'set "ipMasq" to false' };
export const forwarding: Purpose = { name: "the firewall", instead: 'set "backend" to "nftables"' };
export const hostPorts: Purpose = { name: "host ports", instead: 'set "backend" to "nftables"' };

/** The tool refused its input, and changed nothing. */
export class RestoreRefused extends CniError {
  /** Standard error of the tool. */
  readonly said: string;

  constructor(path: string, how: string, said: string, purpose: Purpose) {
    super(
      ErrorCode.internal,
      `${path} refused the rules of ${purpose.name} (${how})`,
      `the kernel or iptables may lack a module for NAT; it said: ${said}`,
    );
    this.name = "RestoreRefused";
    this.said = said;
  }
}

export interface Tool {
  readonly path: string;
  /** Undefined if its name leaves it open. */
  readonly variant: Variant | undefined;
}

function variantOf(path: string): Variant | undefined {
  // Debian: iptables-restore -> /etc/alternatives/... -> iptables-nft-restore -> xtables-nft-multi.
  const LINKS = 8;
  let at: string | undefined = path;
  for (let count = 0; at !== undefined && count < LINKS; count++) {
    const name: string = at.slice(at.lastIndexOf("/") + 1);
    if (name.includes("-nft")) return "nf_tables";
    if (name.includes("-legacy")) return "legacy";
    const folder: string = at.slice(0, at.lastIndexOf("/") + 1);
    const target: string | undefined = readLink(at);
    at = target === undefined || target.startsWith("/") ? target : folder + target;
  }
  return undefined;
}

const names = { 4: "iptables", 6: "ip6tables" } as const;
const infixes = { nf_tables: "-nft", legacy: "-legacy" } as const;

/** Finds iptables-restore, or the one of a variant, on PATH and in the standard folders. */
export function findRestore(family: Family, environment: Environment, variant?: Variant): Tool | undefined {
  const infix = variant === undefined ? "" : infixes[variant];
  const folders = programFolders(environment);
  const path = findExecutable(`${names[family]}${infix}-restore`, folders);
  if (path !== undefined) return { path, variant: variantOf(path) };
  const plain = variant === undefined ? undefined : findRestore(family, environment);
  return plain?.variant === variant ? plain : undefined;
}

export const isRestoreInstalled = (family: Family, environment: Environment): boolean =>
  findRestore(family, environment) !== undefined;

/** The same; throws CniError code 50 if it is not installed. */
export function requireRestore(family: Family, environment: Environment, purpose: Purpose): Tool {
  const restore = findRestore(family, environment);
  if (restore !== undefined) return restore;
  throw new CniError(
    ErrorCode.notAvailable,
    `${names[family]}-restore is not installed on this node, and its rules for ${purpose.name} are not in place`,
    `install the package "iptables", or ${purpose.instead}; looked in ${programFolders(environment).join(" ")}`,
  );
}

function run(path: string, words: readonly string[], input: string, purpose: Purpose): string {
  const limit = limitFor(input);
  const outcome = started(path, () =>
    runProcess(path, {
      arguments: words,
      // iptables needs nothing else of the runtime's environment.
      environment: { PATH: programFolders({}).join(":") },
      input: encodeText(input),
      timeoutMilliseconds: limit,
    }),
  );
  if (outcome.exitCode === 0) return decodeText(outcome.stdout);
  const said = decodeText(outcome.stderr).trim();
  if (outcome.timedOut || NO_LOCK.test(said)) {
    const what = outcome.timedOut ? `did not finish within ${limit / 1000} s` : "did not get its lock";
    throw new CniError(
      ErrorCode.tryAgainLater,
      `${path} ${what}`,
      `another program is changing the packet filter for long: see who holds /run/xtables.lock; it said: ${said}`,
    );
  }
  const how = outcome.signal === undefined ? `exit code ${outcome.exitCode}` : `signal ${outcome.signal}`;
  throw new RestoreRefused(path, how, said, purpose);
}

/** Applies the input in one step, beside the rules that are there. Throws RestoreRefused, or CniError code 11. */
export function runRestore({ path }: Tool, input: string, purpose: Purpose, mode?: "test"): void {
  const words = ["--noflush", "--wait", String(LOCK_SECONDS), ...(mode === "test" ? ["--test"] : [])];
  if (input !== "") run(path, words, input, purpose);
}

/** Lists a table, or all that there are as one, with the iptables-save that belongs to an iptables-restore. Throws as runRestore does. */
export function runSave({ path }: Tool, table: TableName | "all", purpose: Purpose): SavedTable {
  const words = table === "all" ? [] : ["-t", table];
  return readSaved(run(path.replace(/restore$/, "save"), words, "", purpose));
}
