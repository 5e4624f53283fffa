/** Runs iptables-restore: the one process a plugin may start for the packet filter, and only to change fixed rules. */

import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import { readLink } from "../../system/file.ts";
import { findExecutable, programFolders, runProcess } from "../../system/process.ts";
import { decodeText, encodeText } from "../../system/text.ts";

type Environment = Readonly<Record<string, string>>;

/** iptables exists twice, with rules in different parts of the kernel. */
export type Variant = "nf_tables" | "legacy";

/** How long it may wait for the lock of legacy iptables, and how long it may run. */
const LOCK_SECONDS = 5;
const TIMEOUT_MILLISECONDS = 45_000;
/** iptables.h: RESOURCE_PROBLEM, the lock was not to be had. */
const EXIT_RESOURCE_PROBLEM = 4;

/** What the rules are for, in errors. */
export interface Purpose {
  /** Completes "the rules of". */
  readonly name: string;
  /** What to configure instead. */
  readonly instead: string;
}

export const masquerading: Purpose = { name: "masquerade", instead: 'set "ipMasq" to false' };

/** iptables-restore refused its input, and changed nothing. */
export class RestoreRefused extends CniError {
  constructor(path: string, how: string, said: string, purpose: Purpose) {
    super(
      ErrorCode.internal,
      `${path} refused the rules of ${purpose.name} (${how})`,
      `the kernel or iptables may lack a module for NAT; it said: ${said}`,
    );
    this.name = "RestoreRefused";
  }
}

export interface Restore {
  readonly path: string;
  /** Undefined if its name does not tell. */
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

export function isRestoreInstalled(family: Family, environment: Environment): boolean {
  return findExecutable(`${names[family]}-restore`, programFolders(environment)) !== undefined;
}

/** Finds the tool; the one for legacy tables first if these are to be changed. */
function findRestore(family: Family, environment: Environment, wanted?: Variant): Restore | undefined {
  const folders = programFolders(environment);
  const legacy = wanted === "legacy" ? findExecutable(`${names[family]}-legacy-restore`, folders) : undefined;
  const path = legacy ?? findExecutable(`${names[family]}-restore`, folders);
  return path === undefined ? undefined : { path, variant: variantOf(path) };
}

export function requireRestore(
  family: Family,
  environment: Environment,
  wanted?: Variant,
  purpose = masquerading,
): Restore {
  const restore = findRestore(family, environment, wanted);
  if (restore !== undefined) return restore;
  throw new CniError(
    ErrorCode.notAvailable,
    `${names[family]}-restore is not installed on this node, and its rules for ${purpose.name} are not in place`,
    `install the package "iptables", or ${purpose.instead}; looked in ${programFolders(environment).join(" ")}`,
  );
}

/** Applies the input in one step, beside the rules that are there. Throws RestoreRefused, or CniError code 11. */
export function runRestore(restore: Restore, input: string, purpose = masquerading): void {
  const outcome = runProcess(restore.path, {
    arguments: ["--noflush", "--wait", String(LOCK_SECONDS)],
    // Nothing else of the runtime's environment is for iptables.
    environment: { PATH: programFolders({}).join(":") },
    input: encodeText(input),
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
  });
  if (outcome.exitCode === 0) return;
  const said = decodeText(outcome.stderr).trim();
  if (outcome.timedOut || outcome.exitCode === EXIT_RESOURCE_PROBLEM) {
    const what = outcome.timedOut
      ? `did not finish within ${TIMEOUT_MILLISECONDS / 1000} s`
      : "did not get its lock";
    throw new CniError(
      ErrorCode.tryAgainLater,
      `${restore.path} ${what}`,
      `another program is changing the packet filter for long: see who holds /run/xtables.lock; it said: ${said}`,
    );
  }
  const how = outcome.signal === undefined ? `exit code ${outcome.exitCode}` : `signal ${outcome.signal}`;
  throw new RestoreRefused(restore.path, how, said, purpose);
}
