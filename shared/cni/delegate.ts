/**
 * Delegation (specification, section 4): runs another plugin, such as IPAM, during a call.
 *
 * A delegate that is this executable under another name runs in this process, which saves a start. Any other
 * executable runs as a process with the same environment and input.
 */

import { isAboutPath } from "../system/errno.ts";
import { type FileStatus, fileStatus, isSameFile, realPath } from "../system/file-status.ts";
import { SystemError } from "../system/libc.ts";
import { baseName } from "../system/path.ts";
import { type ProcessOutcome, runProcess } from "../system/process.ts";
import { writeStandardError } from "../system/stdio.ts";
import { decodeText } from "../system/text.ts";
import { CniError, ErrorCode, messageOf, quote } from "./error.ts";
import { started } from "./not-runnable.ts";
import type { Command, Plugin, Request } from "./plugin.ts";
import { parsePrintedError } from "./printed-error.ts";
import type { Result } from "./result.ts";
import { parseResult } from "./result-input.ts";
import { step } from "./steps.ts";

const DEFAULT_TIMEOUT_SECONDS = 90;

/** What a delegate is for: it decides which plugins of ours qualify. */
export interface Role {
  readonly fits: (plugin: Plugin) => boolean;
  /** The error for one of our plugins that does not fit. */
  readonly unfit: (type: string) => CniError;
  /** For a delegate that is another executable. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A plugin that makes interfaces would delegate again, without end. */
const ipamRole: Role = {
  fits: ({ isIpam }) => isIpam,
  unfit: (type) =>
    new CniError(
      ErrorCode.invalidConfiguration,
      `"ipam.type" is ${quote(type)}, which hands out no addresses`,
      'an IPAM plugin is expected, such as "host-local"',
    ),
};

interface Delegate {
  readonly type: string;
  readonly path: string;
  /** Set if the delegate is this executable. */
  readonly builtin: Plugin | undefined;
  readonly role: Role;
}

/** An unreadable folder of CNI_PATH does not stop the search in later ones. An error of the moment does: a later one may be another plugin. */
function fileStatusIfAny(path: string): FileStatus | undefined {
  try {
    return fileStatus(path);
  } catch (thrown) {
    if (!(thrown instanceof SystemError && isAboutPath(thrown.errno))) throw thrown;
    return undefined;
  }
}

/** Finds the delegate on CNI_PATH. Throws code 7 if its name is a path, 4 without CNI_PATH, 5 if it is missing. */
function findDelegate(request: Request, type: string, role: Role): Delegate {
  if (type === "" || type.includes("/") || type.includes("..") || type.includes("\0")) {
    const advice = `"type" must be the plain name of an executable in a folder of CNI_PATH`;
    throw new CniError(ErrorCode.invalidConfiguration, `invalid plugin name: ${quote(type)}`, advice);
  }
  if (request.path.length === 0) {
    const advice = `the network needs the plugin ${type}, and CNI_PATH must list its folder`;
    throw new CniError(ErrorCode.invalidEnvironment, "required env variables [CNI_PATH] missing", advice);
  }
  for (const folder of request.path) {
    const path = `${folder}/${type}`;
    const status = fileStatusIfAny(path);
    if (status?.isFile !== true) continue;
    const own = fileStatus("/proc/self/exe");
    const isOwn = own !== undefined && isSameFile(own, status);
    return { type, path, role, builtin: isOwn ? ownPlugin(request, type, path, role) : undefined };
  }
  throw new CniError(
    ErrorCode.io,
    `failed to find plugin ${quote(type)} in path [${request.path.join(" ")}]`,
    "install it into one of these folders, or correct the type in the configuration",
  );
}

/** The plugin of that name in this executable, or of the target of the link with that name. */
function ownPlugin(request: Request, type: string, path: string, role: Role): Plugin {
  const plugin = request.builtin(type) ?? request.builtin(baseName(realPath(path)));
  if (plugin !== undefined && role.fits(plugin)) return plugin;
  throw role.unfit(type);
}

function timeoutMilliseconds(request: Request): number {
  const seconds = Number(request.environment["PODWIRE_DELEGATE_TIMEOUT"] ?? DEFAULT_TIMEOUT_SECONDS);
  return (seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS) * 1000;
}

/** Runs another executable. Returns its output. Throws the error that it printed, with its code. */
function runExecutable(delegate: Delegate, request: Request, command: Command): string {
  const outcome = started(`the plugin ${delegate.path}`, () =>
    runProcess(delegate.path, {
      arguments: [],
      environment: { ...request.environment, ...delegate.role.environment, CNI_COMMAND: command },
      input: request.input,
      timeoutMilliseconds: timeoutMilliseconds(request),
    }),
  );
  writeStandardError(decodeText(outcome.stderr));
  if (outcome.timedOut) {
    const seconds = timeoutMilliseconds(request) / 1000;
    throw new CniError(
      ErrorCode.tryAgainLater,
      `the plugin ${delegate.path} did not finish ${command} within ${seconds} s and was killed`,
      "find out what it waits for; PODWIRE_DELEGATE_TIMEOUT sets another limit, in seconds",
    );
  }
  const output = decodeText(outcome.stdout);
  if (outcome.exitCode !== 0) throw failureOf(delegate, command, outcome, output);
  return output;
}

function failureOf(delegate: Delegate, command: Command, outcome: ProcessOutcome, output: string): CniError {
  const how = outcome.signal === undefined ? `exit code ${outcome.exitCode}` : `signal ${outcome.signal}`;
  const context = `the plugin ${delegate.path} failed ${command} with ${how}`;
  const printed = parsePrintedError(output);
  if (printed !== undefined) {
    return new CniError(printed.code, printed.message, printed.details === "" ? context : printed.details);
  }
  const words = [output, decodeText(outcome.stderr)].join(" ").trim().slice(0, 500);
  return new CniError(ErrorCode.internal, context, words === "" ? "it said nothing" : `it said: ${words}`);
}

/**
 * Runs a delegate's ADD. If another executable fails, hangs or prints no result, its DEL runs before the error is
 * thrown. A delegate in this process undoes its own failed ADD.
 */
export function delegateAdd(request: Request, type: string, role: Role = ipamRole): Result {
  return step(`${type} ADD`, () => runAdd(request, type, role));
}

function runAdd(request: Request, type: string, role: Role): Result {
  const delegate = findDelegate(request, type, role);
  if (delegate.builtin !== undefined) return delegate.builtin.add({ ...request, command: "ADD" });
  try {
    const output = runExecutable(delegate, request, "ADD");
    const result = parseResult(output, request.configuration.cniVersion, delegate.path);
    if (result !== undefined) return result;
    const said = output.trim() === "" ? "nothing" : quote(output);
    const message = `the plugin ${delegate.path} printed no result for ADD`;
    throw new CniError(
      ErrorCode.decode,
      message,
      `it must print JSON on standard output, but it printed ${said}`,
    );
  } catch (thrown) {
    throw withCleanup(delegate, request, thrown);
  }
}

/** Runs DEL after a failed ADD. A failure of DEL is added to the details of the first error. */
function withCleanup(delegate: Delegate, request: Request, thrown: unknown): unknown {
  // The kernel did not start it, so there is nothing to clean up.
  if (thrown instanceof CniError && thrown.cause instanceof SystemError) return thrown;
  try {
    runExecutable(delegate, request, "DEL");
    return thrown;
  } catch (second) {
    if (!(thrown instanceof CniError)) return thrown;
    const details = [thrown.details, `its DEL failed too: ${messageOf(second)}`].filter(
      (part) => part !== "",
    );
    return new CniError(thrown.code, thrown.message, details.join("; "), thrown);
  }
}

type Verb = "DEL" | "CHECK" | "STATUS" | "GC";

function delegateVerb(request: Request, type: string, command: Verb, role: Role): void {
  step(`${type} ${command}`, () => runVerb(request, type, command, role));
}

function runVerb(request: Request, type: string, command: Verb, role: Role): void {
  const delegate = findDelegate(request, type, role);
  if (delegate.builtin === undefined) {
    runExecutable(delegate, request, command);
    return;
  }
  const verbs = { DEL: "del", CHECK: "check", STATUS: "status", GC: "gc" } as const;
  delegate.builtin[verbs[command]]({ ...request, command });
}

/** Runs a delegate's DEL. For our own plugins it works without CNI_PATH. */
export function delegateDel(request: Request, type: string, role: Role = ipamRole): void {
  const builtin = request.path.length === 0 ? request.builtin(type) : undefined;
  if (builtin !== undefined && role.fits(builtin)) builtin.del({ ...request, command: "DEL" });
  else delegateVerb(request, type, "DEL", role);
}

export function delegateCheck(request: Request, type: string, role: Role = ipamRole): void {
  delegateVerb(request, type, "CHECK", role);
}

export function delegateStatus(request: Request, type: string, role: Role = ipamRole): void {
  delegateVerb(request, type, "STATUS", role);
}

export function delegateGc(request: Request, type: string, role: Role = ipamRole): void {
  delegateVerb(request, type, "GC", role);
}
