/** The verbs on a network as libcni runs them (libcni/api.go): the plugins in order, and a cache of their results. */
import { CniError, ErrorCode, messageOf, runAll } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { readResult } from "../../shared/cni/result-input.ts";
import { writeResult } from "../../shared/cni/result-output.ts";
import { LIST_TIME } from "../../shared/cni/valid-attachments.ts";
import { type CniVersion, isAtLeast, isSupported, readVersion } from "../../shared/cni/version.ts";
import {
  type CachedAttachment,
  isCached,
  listCached,
  readCached,
  removeCached,
  writeCached,
} from "../node/cache.ts";
import { whileContainerLocked } from "../node/container-lock.ts";
import { type Call, type CallContext, invoke, PluginError } from "./invoke.ts";
import { askNewer } from "./newer-verbs.ts";
import type { RuntimeCall } from "./runtime.ts";
import { uninterrupted } from "./uninterrupted.ts";

const versionOf = ({ list }: CallContext): CniVersion => readVersion(list.cniVersion);

export const keyOf = (
  { list }: CallContext,
  call: Pick<RuntimeCall, "containerId" | "ifname">,
): AttachmentKey => ({
  network: list.name,
  containerId: call.containerId,
  ifname: call.ifname,
});

/** Parameters that the caller omits are those of the cached ADD. */
function complete(call: RuntimeCall, cached: CachedAttachment | undefined): Call {
  return {
    ...call,
    args: call.args ?? cached?.args ?? [],
    capabilityArgs: call.capabilityArgs ?? cached?.capabilityArgs ?? {},
  };
}

/** The cached result in the configuration's version, which may have changed since ADD. */
function resultIn(version: CniVersion, cached: CachedAttachment | undefined): JsonObject | undefined {
  const result = cached?.result;
  const stated = result?.["cniVersion"];
  if (result === undefined || stated === version) return result;
  const assumed = typeof stated === "string" && isSupported(stated) ? stated : version;
  return writeResult(readResult(result, assumed, "the cached result"), version);
}

const previous = (result: JsonObject | undefined): JsonObject =>
  result === undefined ? {} : { prevResult: result };

/** The number of plugins to undo. A plugin that fails cleans up itself, unless a signal killed it. */
const countToUndo = (done: number, thrown: unknown): number =>
  thrown instanceof PluginError && thrown.wasKilled ? done + 1 : done;

/**
 * Undoes the first plugins of the chain by DEL. Returns true if all succeeded; their failures do not replace the error
 * that caused the undo.
 */
function undoPlugins(
  context: CallContext,
  call: Call,
  done: number,
  result: JsonObject | undefined,
): boolean {
  let isDone = true;
  for (const plugin of context.list.plugins.slice(0, done).reverse()) {
    try {
      invoke(context, plugin, "DEL", call, previous(result));
    } catch (thrown) {
      context.io.err(`podwire: could not undo ${plugin.type}: ${messageOf(thrown)}\n`);
      isDone = false;
    }
  }
  return isDone;
}

/**
 * ADD. `deliver` gets the last plugin's result. If a plugin or `deliver` fails, the plugins that had succeeded are
 * undone.
 */
export const add = (context: CallContext, call: RuntimeCall, deliver: (result: JsonObject) => void): void =>
  uninterrupted(() => {
    checkNotAttached(keyOf(context, call));
    const given = complete(call, undefined);
    const result = addAll(context, call, given);
    try {
      deliver(result);
    } catch (thrown) {
      const isUndone = undoPlugins(context, given, context.list.plugins.length, result);
      if (isUndone) removeCached(keyOf(context, call));
      context.io.err(
        `podwire: the result cannot be printed: the attachment is ${isUndone ? "undone" : "left to podwire del"}\n`,
      );
      throw thrown;
    }
  });

/**
 * The specification allows no second ADD of an attachment. libcni leaves this to the plugins and undoes nothing.
 * podwire undoes a failed chain, and would also undo the first ADD: it refuses before it calls a plugin.
 */
function checkNotAttached(key: AttachmentKey): void {
  if (!isCached(key)) return;
  const { network, containerId, ifname } = key;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `${ifname} of the container ${containerId} is attached to ${network} already`,
    "podwire del detaches it, also if its namespace is gone; CNI_IFNAME names another interface",
  );
}

function addAll(context: CallContext, call: RuntimeCall, given: Call): JsonObject {
  const { list } = context;
  const version = versionOf(context);
  let result: JsonObject | undefined;
  let done = 0;
  try {
    for (const plugin of list.plugins) {
      const printed = invoke(context, plugin, "ADD", given, previous(result));
      done++;
      result = { cniVersion: version, ...requireResult(printed, plugin.type) };
    }
    if (result === undefined) throw new CniError(ErrorCode.internal, "the network has no plugins");
    const { netns, args, capabilityArgs } = given;
    writeCached({ ...keyOf(context, call), netns, configuration: list.text, args, capabilityArgs, result });
    return result;
  } catch (thrown) {
    undoPlugins(context, given, countToUndo(done, thrown), result);
    throw thrown;
  }
}

function requireResult(printed: JsonObject | undefined, type: string): JsonObject {
  if (printed !== undefined) return printed;
  throw new CniError(
    ErrorCode.decode,
    `the plugin ${type} printed no result for ADD`,
    "is it a CNI plugin, and does it support the configuration's cniVersion?",
  );
}

/** CHECK: every plugin, with the result of ADD. */
export function check(context: CallContext, call: RuntimeCall): void {
  const { list } = context;
  const version = versionOf(context);
  if (!isAtLeast(version, "0.4.0")) {
    const message = `configuration version ${JSON.stringify(list.cniVersion)} does not support the CHECK command`;
    throw new CniError(ErrorCode.incompatibleVersion, message, "CHECK exists since version 0.4.0");
  }
  if (list.disableCheck) {
    context.io.err("podwire: nothing was checked: the configuration sets disableCheck\n");
    return;
  }
  const cached = readCached(keyOf(context, call));
  if (cached === undefined) context.io.err("podwire: warning: the cache has no ADD of this attachment\n");
  const result = previous(resultIn(version, cached));
  for (const plugin of list.plugins) invoke(context, plugin, "CHECK", complete(call, cached), result);
}

/** DEL has to work without a readable result. */
function resultForDel(version: CniVersion, cached: CachedAttachment | undefined): JsonObject | undefined {
  if (!isAtLeast(version, "0.4.0")) return undefined;
  try {
    return resultIn(version, cached);
  } catch {
    return undefined;
  }
}

/** DEL: every plugin, in reverse order. */
export function del(context: CallContext, call: RuntimeCall): void {
  const cached = readCached(keyOf(context, call));
  const result = previous(resultForDel(versionOf(context), cached));
  for (const plugin of [...context.list.plugins].reverse())
    invoke(context, plugin, "DEL", complete(call, cached), result);
  removeCached(keyOf(context, call));
}

/** The attachments that GC keeps, of those in the cache and others. */
export type Keep = (known: readonly CachedAttachment[]) => AttachmentKey[];

/** DEL of a cached attachment, unless it was detached or attached again since it was read. */
function delIfSame(context: CallContext, stale: CachedAttachment): void {
  whileContainerLocked(stale.containerId, context.io.environment, () => {
    const now = readCached(stale);
    if (now !== undefined && now.modified.getTime() === stale.modified.getTime()) del(context, stale);
  });
}

/**
 * GC: DEL of every cached attachment that is not to be kept, then GC by every plugin. It goes on after errors. `since`: the plugins keep
 * what is of this time or later (timeOfList). Undefined: they keep what `keep` returns, and nothing else.
 */
export function gc(context: CallContext, keep: Keep, since: bigint | undefined): void {
  const { list } = context;
  if (list.disableGc) {
    context.io.err("podwire: nothing was collected: the configuration sets disableGC\n");
    return;
  }
  const known = listCached().filter(({ network }) => network === list.name);
  const kept = keep(known);
  const idOf = ({ containerId, ifname }: AttachmentKey) => `${containerId}/${ifname}`;
  const keptIds = new Set(kept.map(idOf));
  const steps = known
    .filter((entry) => !keptIds.has(idOf(entry)))
    .map((stale) => () => delIfSame(context, stale));
  const valid = kept.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
  const timed = since === undefined ? context : withListTime(context, since);
  runAll([...steps, ...list.plugins.map((plugin) => () => collect(timed, plugin, valid))]);
}

function withListTime(context: CallContext, since: bigint): CallContext {
  const environment = { ...context.io.environment, [LIST_TIME]: String(since) };
  return { ...context, io: { ...context.io, environment } };
}

function collect(
  context: CallContext,
  plugin: CallContext["list"]["plugins"][number],
  valid: JsonObject[],
): void {
  askNewer(context, plugin, "GC", { "cni.dev/valid-attachments": valid });
}
