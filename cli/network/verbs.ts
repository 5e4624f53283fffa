/** The verbs on a network as libcni runs them (libcni/api.go): the plugins in order, and a cache of their results. */
import { CniError, ErrorCode, messageOf, runAll } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { readResult } from "../../shared/cni/result-input.ts";
import { writeResult } from "../../shared/cni/result-output.ts";
import { type CniVersion, isAtLeast, isSupported, readVersion } from "../../shared/cni/version.ts";
import {
  type CachedAttachment,
  isCached,
  listCached,
  readCached,
  removeCached,
  writeCached,
} from "../node/cache.ts";
import { outliveSignals } from "./interruption.ts";
import { type Call, invoke, noCall, PluginError, type Setting } from "./invoke.ts";
import type { RuntimeCall } from "./runtime.ts";

const versionOf = ({ list }: Setting): CniVersion => readVersion(list.cniVersion);

export const keyOf = (
  { list }: Setting,
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
const toTakeBack = (done: number, thrown: unknown): number =>
  thrown instanceof PluginError && thrown.wasKilled ? done + 1 : done;

/**
 * Undoes the first plugins of the chain by DEL. Returns true if all succeeded; their failures do not replace the error
 * that caused the undo.
 */
function takeBack(setting: Setting, call: Call, done: number, result: JsonObject | undefined): boolean {
  let isDone = true;
  for (const plugin of setting.list.plugins.slice(0, done).reverse()) {
    try {
      invoke(setting, plugin, "DEL", call, previous(result));
    } catch (thrown) {
      setting.io.err(`podwire: taking back what ${plugin.type} did failed: ${messageOf(thrown)}\n`);
      isDone = false;
    }
  }
  return isDone;
}

/**
 * ADD. `deliver` gets the last plugin's result. If a plugin or `deliver` fails, the plugins that had succeeded are
 * undone.
 */
export const add = (setting: Setting, call: RuntimeCall, deliver: (result: JsonObject) => void): void =>
  outliveSignals(() => {
    refuseSecond(keyOf(setting, call));
    const given = complete(call, undefined);
    const result = addAll(setting, call, given);
    try {
      deliver(result);
    } catch (thrown) {
      const isUndone = takeBack(setting, given, setting.list.plugins.length, result);
      if (isUndone) removeCached(keyOf(setting, call));
      setting.io.err(
        `podwire: the result cannot be printed: the attachment is ${isUndone ? "undone" : "left to podwire del"}\n`,
      );
      throw thrown;
    }
  });

/**
 * The specification allows no second ADD of an attachment. libcni leaves this to the plugins and undoes nothing.
 * podwire undoes a failed chain, and would so undo the first ADD: it refuses before it calls a plugin.
 */
function refuseSecond(key: AttachmentKey): void {
  if (!isCached(key)) return;
  const { network, containerId, ifname } = key;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `${ifname} of the container ${containerId} is attached to ${network} already`,
    "podwire del detaches it, also if its namespace is gone; CNI_IFNAME names another interface",
  );
}

function addAll(setting: Setting, call: RuntimeCall, given: Call): JsonObject {
  const { list } = setting;
  const version = versionOf(setting);
  let result: JsonObject | undefined;
  let done = 0;
  try {
    for (const plugin of list.plugins) {
      const printed = invoke(setting, plugin, "ADD", given, previous(result));
      done++;
      result = { cniVersion: version, ...requireResult(printed, plugin.type) };
    }
    if (result === undefined) throw new CniError(ErrorCode.internal, "the network has no plugins");
    const { netns, args, capabilityArgs } = given;
    writeCached({ ...keyOf(setting, call), netns, configuration: list.text, args, capabilityArgs, result });
    return result;
  } catch (thrown) {
    takeBack(setting, given, toTakeBack(done, thrown), result);
    throw thrown;
  }
}

function requireResult(printed: JsonObject | undefined, type: string): JsonObject {
  if (printed !== undefined) return printed;
  throw new CniError(
    ErrorCode.decode,
    `the plugin ${type} printed no result for ADD`,
    "is it a CNI plugin, and does it fit the cniVersion of the configuration?",
  );
}

/** CHECK: every plugin, with the result of ADD. */
export function check(setting: Setting, call: RuntimeCall): void {
  const { list } = setting;
  const version = versionOf(setting);
  if (!isAtLeast(version, "0.4.0")) {
    const message = `configuration version ${JSON.stringify(list.cniVersion)} does not support the CHECK command`;
    throw new CniError(ErrorCode.incompatibleVersion, message, "CHECK came with version 0.4.0");
  }
  if (list.disableCheck) {
    setting.io.err("podwire: nothing was checked: the configuration sets disableCheck\n");
    return;
  }
  const cached = readCached(keyOf(setting, call));
  if (cached === undefined) setting.io.err("podwire: warning: no ADD of this attachment is remembered\n");
  const result = previous(resultIn(version, cached));
  for (const plugin of list.plugins) invoke(setting, plugin, "CHECK", complete(call, cached), result);
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
export function del(setting: Setting, call: RuntimeCall): void {
  const cached = readCached(keyOf(setting, call));
  const result = previous(resultForDel(versionOf(setting), cached));
  for (const plugin of [...setting.list.plugins].reverse())
    invoke(setting, plugin, "DEL", complete(call, cached), result);
  removeCached(keyOf(setting, call));
}

/** GC: DEL of every cached attachment that is not to be kept, then GC by every plugin. It goes on after errors. */
export function gc(setting: Setting, keep: (known: readonly CachedAttachment[]) => AttachmentKey[]): void {
  const { list } = setting;
  if (list.disableGc) {
    setting.io.err("podwire: nothing was collected: the configuration sets disableGC\n");
    return;
  }
  const known = listCached().filter(({ network }) => network === list.name);
  const kept = keep(known);
  const idOf = ({ containerId, ifname }: AttachmentKey) => `${containerId}/${ifname}`;
  const keptIds = new Set(kept.map(idOf));
  const steps = known.filter((entry) => !keptIds.has(idOf(entry))).map((stale) => () => del(setting, stale));
  const valid = kept.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
  const plugins = isAtLeast(versionOf(setting), "1.1.0") ? list.plugins : [];
  runAll([...steps, ...plugins.map((plugin) => () => collect(setting, plugin, valid))]);
}

function collect(setting: Setting, plugin: Setting["list"]["plugins"][number], valid: JsonObject[]): void {
  invoke(setting, plugin, "GC", noCall, { "cni.dev/valid-attachments": valid });
}

/** STATUS by every plugin. Versions before 1.1.0 have no STATUS: success. */
export function status(setting: Setting): void {
  if (!isAtLeast(versionOf(setting), "1.1.0")) {
    setting.io.err("podwire: nothing was asked: STATUS came with cniVersion 1.1.0\n");
    return;
  }
  for (const plugin of setting.list.plugins) invoke(setting, plugin, "STATUS", noCall);
}
