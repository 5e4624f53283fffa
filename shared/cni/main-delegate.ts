/**
 * Delegation to one of our plugins that makes interfaces, with a configuration made for it (specification, section 4).
 * It always runs in this process.
 */
import { encodeText } from "../system/text.ts";
import { configurationText, readConfiguration } from "./configuration.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { JsonObject } from "./fields.ts";
import type { Plugin, Request } from "./plugin.ts";

/** The plugin of that name in this executable. */
export function builtinPlugin(request: Request, type: string): Plugin {
  const plugin = request.builtin(type);
  if (plugin !== undefined) return plugin;
  throw new CniError(ErrorCode.internal, `the plugin ${type} is not part of this program`, "rebuild it");
}

/** The same call with another configuration, for the delegate and its IPAM plugin. */
export function withConfiguration(request: Request, raw: JsonObject): Request {
  return {
    ...request,
    configuration: readConfiguration(raw, request.command),
    input: encodeText(configurationText(raw)),
  };
}
