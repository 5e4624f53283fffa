/**
 * Runs a plugin: reads environment and standard input, prints the result or error. No other module prints: standard
 * output is the protocol.
 */

import { sourceStack } from "../source-lines.ts";
import { KernelError } from "../system/kernel-error.ts";
import { SystemError } from "../system/libc.ts";
import { sweepLocks } from "../system/lock.ts";
import { isOwnNamespace } from "../system/netns.ts";
import { writeStandardError, writeStandardOutput } from "../system/stdio.ts";
import { whileAttachmentLocked } from "./attachment-lock.ts";
import { logCall } from "./call-log.ts";
import { parseInput, readConfiguration, readInput } from "./configuration.ts";
import { allowsOwnNamespace, checkEnvironment, type Environment, readCommand } from "./environment.ts";
import { CniError, ErrorCode, explain, messageOf, runAll } from "./error.ts";
import { Fields, type JsonObject } from "./fields.ts";
import type { Command, Plugin, Request } from "./plugin.ts";
import { writeResult } from "./result-output.ts";
import { recordSteps, step } from "./steps.ts";
import { isSupported, latestVersion, supportedVersions } from "./version.ts";

export interface Invocation {
  readonly name: string;
  readonly version: string;
  readonly plugin: Plugin;
  readonly builtin: Request["builtin"];
  readonly environment: Environment;
  readonly arguments: readonly string[];
}

/** Runs one call. Returns the exit code: 0, or 1 with a JSON error on standard output. */
export function runPlugin(invocation: Invocation): number {
  const { environment } = invocation;
  if (invocation.arguments.includes("--version") || (environment["CNI_COMMAND"] ?? "") === "") {
    writeStandardError(describe(invocation));
    return 0;
  }
  const state: State = { cniVersion: latestVersion, network: "", log: "" };
  startLog(state, environment["PODWIRE_LOG"]);
  try {
    const output = execute(invocation, state);
    if (output !== undefined) print(output);
    return endLog(invocation, state, 0);
  } catch (thrown) {
    return endLog(invocation, state, report(thrown, state));
  }
}

/** The knowledge that accumulates during a call. */
interface State {
  /** Errors contain the configuration's version once it is known (specification, "Error"). */
  cniVersion: string;
  network: string;
  /** The log's file; empty for no log. */
  log: string;
  result?: JsonObject;
  error?: JsonObject;
}

function startLog(state: State, path: unknown): void {
  if (typeof path !== "string" || path === "" || state.log !== "") return;
  state.log = path;
  recordSteps();
}

function endLog({ name, version, environment }: Invocation, state: State, exitCode: number): number {
  const { log, network, result, error } = state;
  if (log !== "") logCall(log, { plugin: name, version, environment, network, result, error });
  return exitCode;
}

const print = (output: JsonObject) => writeStandardOutput(`${JSON.stringify(output, undefined, 4)}\n`);

function report(thrown: unknown, state: State): number {
  const error = writeError(thrown, state.cniVersion);
  state.error = error;
  try {
    print(error);
  } catch (second) {
    writeStandardError(`podwire: ${messageOf(second)}; the error was: ${JSON.stringify(error)}\n`);
  }
  return 1;
}

function describe({ name, version, plugin }: Invocation): string {
  return `podwire ${name} ${version}: ${plugin.about}\nCNI protocol versions supported: ${supportedVersions.join(", ")}\n`;
}

function execute(invocation: Invocation, state: State): JsonObject | undefined {
  const { environment, plugin } = invocation;
  const command = readCommand(environment);
  if (command === "VERSION") return describeVersions();
  checkEnvironment(command, environment);
  const input = step("standard input", readInput);
  const raw = parseInput(input, command === "ADD" ? plugin.deferredList : undefined);
  const stated = new Fields(raw).value("cniVersion") ?? "0.1.0";
  if (typeof stated === "string" && isSupported(stated)) state.cniVersion = stated;
  startLog(state, raw["podwireLog"]);
  const configuration = readConfiguration(raw, command);
  state.network = configuration.name;
  const netns = usableNamespace(command, environment);
  const request: Request = {
    command,
    containerId: environment["CNI_CONTAINERID"] ?? "",
    ifname: environment["CNI_IFNAME"] ?? "",
    netns,
    args: environment["CNI_ARGS"] ?? "",
    path: (environment["CNI_PATH"] ?? "").split(":").filter((folder) => folder !== ""),
    configuration,
    input,
    environment:
      netns === (environment["CNI_NETNS"] ?? "") ? environment : { ...environment, CNI_NETNS: netns },
    builtin: invocation.builtin,
  };
  dispatch(plugin, request, state);
  return undefined;
}

/** Runs ADD or DEL. What a delegate does is part of its caller's call, which has the lock of the attachment. */
function locked<Value>(plugin: Plugin, request: Request, work: () => Value): Value {
  const needsLock = !plugin.isIpam && plugin.leavesNothing !== true;
  return needsLock ? whileAttachmentLocked(request, work) : work();
}

function dispatch(plugin: Plugin, request: Request, state: State): void {
  switch (request.command) {
    case "ADD":
      addAndPrint(plugin, request, state);
      break;
    case "DEL":
      locked(plugin, request, () => plugin.del(request));
      break;
    case "CHECK":
      plugin.check(request);
      break;
    case "STATUS":
      plugin.status(request);
      break;
    default:
      runAll([() => plugin.gc(request), plugin.isIpam ? () => {} : sweepLocks]);
  }
}

/**
 * The result is printed after the last change. If it cannot be printed, the runtime does not know the attachment: DEL undoes
 * it.
 */
function addAndPrint(plugin: Plugin, request: Request, state: State): void {
  const result = locked(plugin, request, () => plugin.add(request));
  try {
    const output = writeResult(result, request.configuration.cniVersion);
    print(output);
    state.result = output;
  } catch (thrown) {
    runAll([
      () => {
        throw thrown;
      },
      () => {
        const undo: Request = { ...request, command: "DEL" };
        locked(plugin, undo, () => plugin.del(undo));
      },
    ]);
  }
}

/** True if that is certain: whatever else is wrong with the path, DEL has other work to do. */
function isCertainlyOwn(path: string): boolean {
  try {
    return isOwnNamespace(path);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    return false;
  }
}

/**
 * CNI_NETNS. ADD and CHECK refuse the host's own namespace: an attachment of the host to itself would change the host. For DEL a path
 * that leads there is that of a container that is gone, such as /proc/PID/ns/net with a PID that a process of the host has by now.
 */
function usableNamespace(command: Command, environment: Environment): string {
  const netns = environment["CNI_NETNS"] ?? "";
  if (netns === "" || allowsOwnNamespace(environment)) return netns;
  if (command === "DEL") return isCertainlyOwn(netns) ? "" : netns;
  const verbs: readonly Command[] = ["ADD", "CHECK"];
  if (!verbs.includes(command) || !isOwnNamespace(netns)) return netns;
  throw new CniError(
    ErrorCode.invalidNamespace,
    `plugin's netns and netns from CNI_NETNS should not be the same: ${netns}`,
    "give the container a network namespace of its own (host networking needs no CNI plugin), or set CNI_NETNS_OVERRIDE=1",
  );
}

/** VERSION returns the version of the input; without input, the newest one. */
function describeVersions(): JsonObject {
  let asked: unknown;
  try {
    asked = new Fields(parseInput(readInput())).value("cniVersion");
  } catch {
    asked = undefined;
  }
  const cniVersion = typeof asked === "string" && asked !== "" ? asked : latestVersion;
  return { cniVersion, supportedVersions };
}

/** An error as JSON for standard output. */
function writeError(thrown: unknown, cniVersion: string): JsonObject {
  const known = toCniError(thrown);
  return {
    cniVersion,
    code: known.code,
    msg: known.message,
    ...(known.details === "" ? {} : { details: known.details }),
  };
}

const OUT_OF_MEMORY = "out of memory";
const memoryAdvice = "raise the caller's limit: its memory cgroup, or ulimit -v and -d";

const exhausted: Readonly<Record<string, string>> = {
  [OUT_OF_MEMORY]: memoryAdvice,
  "out of memory in regexp execution": memoryAdvice,
  "stack overflow": "raise the caller's stack limit (ulimit -s), or nest the input less deeply",
};

const unexpected = "the kernel refused what podwire did not expect it to; dmesg may show more";

function toCniError(thrown: unknown): CniError {
  const known = explain(thrown);
  if (known instanceof CniError && (known === thrown || known.details !== "")) return known;
  // The engine throws null if even the error finds no memory.
  if (thrown === null) return new CniError(ErrorCode.internal, OUT_OF_MEMORY, memoryAdvice);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const source = thrown instanceof KernelError ? unexpected : "an error in podwire";
  const cause = exhausted[message] ?? `${source}: please report it with these lines`;
  const details = thrown instanceof Error ? `${cause}\n${sourceStack(thrown)}` : cause;
  return new CniError(known instanceof CniError ? known.code : ErrorCode.internal, message, details, thrown);
}
