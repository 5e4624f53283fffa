/** STATUS by every plugin of a network. */
import { CniError } from "../../shared/cni/error.ts";
import { Fields, isObject } from "../../shared/cni/fields.ts";
import { isAtLeast, readVersion } from "../../shared/cni/version.ts";
import type { PluginConfiguration } from "./configuration.ts";
import { type CallContext, findPlugin, invoke, noCall } from "./invoke.ts";

/** The first version of the specification with STATUS. */
const SINCE = "1.1.0";

/** Whether a plugin knows STATUS, by its own words (VERSION). Throws if it is not installed. */
function knowsStatus(context: CallContext, type: string): boolean {
  findPlugin(type, context.folders);
  try {
    const versions = invoke(context, { type, raw: { type } }, "VERSION", noCall)?.["supportedVersions"];
    return Array.isArray(versions) && versions.includes(SINCE);
  } catch (thrown) {
    if (thrown instanceof CniError) return false;
    throw thrown;
  }
}

/** The plugins that a STATUS of this one reaches: itself, and the IPAM plugin that it delegates to. */
function reachedBy({ type, raw }: PluginConfiguration): string[] {
  const ipam = new Fields(raw).value("ipam");
  const delegate = isObject(ipam) ? new Fields(ipam).value("type") : undefined;
  return typeof delegate === "string" && delegate !== "" ? [type, delegate] : [type];
}

/**
 * STATUS by every plugin. In a list of an older version than 1.1.0 a runtime asks none. A person who asks wants to know: the plugins
 * that know STATUS are asked all the same, and the others are named.
 */
export function status(context: CallContext): void {
  const { list, io } = context;
  if (isAtLeast(readVersion(list.cniVersion), SINCE)) {
    for (const plugin of list.plugins) invoke(context, plugin, "STATUS", noCall);
    return;
  }
  io.err(`podwire: runtimes ask no plugin of this network: its cniVersion is older than ${SINCE}\n`);
  for (const plugin of list.plugins) {
    const unable = reachedBy(plugin).find((type) => !knowsStatus(context, type));
    if (unable === undefined)
      invoke({ ...context, list: { ...list, cniVersion: SINCE } }, plugin, "STATUS", noCall);
    else io.err(`podwire: the plugin ${plugin.type} was not asked: ${unable} does not know STATUS\n`);
  }
}
