/** STATUS and GC, which runtimes ask no plugin of a list that is older than they are. A person who asks means the plugins. */
import { CniError } from "../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { isAtLeast, readVersion } from "../../shared/cni/version.ts";
import type { PluginConfiguration } from "./configuration.ts";
import { type CallContext, findPlugin, invoke, noCall } from "./invoke.ts";

/** The first version of the specification with these verbs. */
const SINCE = "1.1.0";

export type NewerVerb = "STATUS" | "GC";

export const isOlderList = ({ list }: CallContext): boolean =>
  !isAtLeast(readVersion(list.cniVersion), SINCE);

/** Whether a plugin knows the verbs, by its own words (VERSION). Throws if it is not installed. */
function isNewEnough(context: CallContext, type: string): boolean {
  findPlugin(type, context.folders);
  try {
    const versions = invoke(context, { type, raw: { type } }, "VERSION", noCall)?.["supportedVersions"];
    return Array.isArray(versions) && versions.includes(SINCE);
  } catch (thrown) {
    if (thrown instanceof CniError) return false;
    throw thrown;
  }
}

/** The plugins that a call of this one reaches: itself, and those that it delegates to. */
function reachedBy({ type, raw }: PluginConfiguration): string[] {
  const delegates = ["ipam", "delegate"].flatMap((key) => {
    const section = new Fields(raw).value(key);
    const named = isObject(section) ? new Fields(section).value("type") : undefined;
    return typeof named === "string" && named !== "" ? [named] : [];
  });
  return [type, ...delegates];
}

/** Asks a plugin, in a list of whichever version. One that does not know the verb is named. */
export function askNewer(
  context: CallContext,
  plugin: PluginConfiguration,
  verb: NewerVerb,
  keys: JsonObject = {},
): void {
  if (!isOlderList(context)) {
    invoke(context, plugin, verb, noCall, keys);
    return;
  }
  const unable = reachedBy(plugin).find((type) => !isNewEnough(context, type));
  const { list, io } = context;
  if (unable === undefined)
    invoke({ ...context, list: { ...list, cniVersion: SINCE } }, plugin, verb, noCall, keys);
  else io.err(`podwire: the plugin ${plugin.type} was not asked: ${unable} does not know ${verb}\n`);
}
