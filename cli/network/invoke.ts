/** Calls one plugin of a network, as libcni does. */
import { CniError, ErrorCode, explain, quote } from "../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject, parseObject } from "../../shared/cni/fields.ts";
import { started } from "../../shared/cni/not-runnable.ts";
import type { Command } from "../../shared/cni/plugin.ts";
import { parsePrintedError } from "../../shared/cni/printed-error.ts";
import { findExecutable, type ProcessOutcome, runProcess } from "../../shared/system/process.ts";
import { decodeText, encodeText } from "../../shared/system/text.ts";
import type { Io } from "../command.ts";
import type { NetworkList, PluginConfiguration } from "./configuration.ts";
import type { RuntimeCall } from "./runtime.ts";

/** The part of a call that is the same for all plugins. */
export interface CallContext {
  readonly list: NetworkList;
  readonly folders: readonly string[];
  readonly io: Io;
}

/** The part of a call that names a container; GC and STATUS have none. */
export type Call = Pick<RuntimeCall, "containerId" | "netns" | "ifname"> & {
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: JsonObject;
};

export const noCall: Call = { containerId: "", netns: "", ifname: "", args: [], capabilityArgs: {} };

/** Returns the path of a plugin's executable. Throws code 5 if no folder has it. */
export function findPlugin(type: string, folders: readonly string[]): string {
  if (type.includes("/") || type === "" || type === "." || type === "..") {
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `invalid plugin name: ${quote(type)}`,
      "it must be the plain name of an executable",
    );
  }
  const path = findExecutable(type, folders);
  if (path !== undefined) return path;
  throw new CniError(
    ErrorCode.io,
    `failed to find plugin ${quote(type)} in path [${folders.join(" ")}]`,
    "install it into one of these folders, or set CNI_PATH to the one that has it",
  );
}

/** Returns the runtime's values for the capabilities that the plugin declares. */
function runtimeConfig({ raw }: PluginConfiguration, offered: JsonObject): JsonObject {
  const able = new Fields(raw).value("capabilities");
  const entries = Object.entries(isObject(able) ? able : {}).filter(
    ([key, isAble]) => isAble === true && offered[key] !== undefined,
  );
  return Object.fromEntries(entries.map(([key]) => [key, offered[key]]));
}

/** The configuration that one plugin gets on standard input. */
function pluginInput(
  { list }: CallContext,
  plugin: PluginConfiguration,
  call: Call,
  injected: JsonObject,
): JsonObject {
  const runtime = runtimeConfig(plugin, call.capabilityArgs);
  return {
    ...plugin.raw,
    name: list.name,
    cniVersion: list.cniVersion,
    ...injected,
    ...(Object.keys(runtime).length === 0 ? {} : { runtimeConfig: runtime }),
  };
}

/** A signal ended the plugin before it could clean up. */
class KilledError extends CniError {}

/** A plugin's failure, with the plugin's own code. */
export class PluginError extends CniError {
  readonly plugin: string;
  readonly command: Command;
  readonly wasKilled: boolean;

  constructor(plugin: string, command: Command, error: CniError) {
    super(error.code, error.message, error.details, error);
    this.plugin = plugin;
    this.command = command;
    this.wasKilled = error instanceof KilledError;
  }
}

function failureOf(path: string, { exitCode, signal }: ProcessOutcome, output: string): CniError {
  const said = output.trim() === "" ? "nothing" : quote(output.trim());
  const details = `it printed ${said} on standard output`;
  if (signal !== undefined)
    return new KilledError(ErrorCode.internal, `${path} ended with signal ${signal}`, details);
  const printed = parsePrintedError(output);
  if (printed !== undefined) return new CniError(printed.code, printed.message, printed.details);
  return new CniError(ErrorCode.internal, `${path} ended with exit code ${exitCode}`, details);
}

const environmentOf = (command: Command, context: CallContext, call: Call) => ({
  ...context.io.environment,
  CNI_COMMAND: command,
  CNI_CONTAINERID: call.containerId,
  CNI_NETNS: call.netns,
  CNI_IFNAME: call.ifname,
  CNI_ARGS: call.args.map((pair) => pair.join("=")).join(";"),
  CNI_PATH: context.folders.join(":"),
});

/** Runs the plugin without a time limit, as libcni does. */
function start(
  path: string,
  environment: Readonly<Record<string, string>>,
  input: JsonObject,
): ProcessOutcome {
  const options = {
    environment,
    input: encodeText(JSON.stringify(input)),
    standardError: "inherit",
  } as const;
  return started(path, () => runProcess(path, options));
}

function run(path: string, command: Command, context: CallContext, call: Call, input: JsonObject): string {
  const outcome = start(path, environmentOf(command, context, call), input);
  const output = decodeText(outcome.stdout);
  if (outcome.exitCode === 0) return output;
  throw failureOf(path, outcome, output);
}

/** Runs a plugin. Returns the object it printed, if any. Throws PluginError. */
export function invoke(
  context: CallContext,
  plugin: PluginConfiguration,
  command: Command,
  call: Call,
  injected: JsonObject = {},
): JsonObject | undefined {
  try {
    const path = findPlugin(plugin.type, context.folders);
    const output = run(path, command, context, call, pluginInput(context, plugin, call, injected));
    return parseObject(output);
  } catch (thrown) {
    const known = explain(thrown);
    throw known instanceof CniError ? new PluginError(plugin.type, command, known) : thrown;
  }
}
