/**
 * Delegation to a plugin that makes interfaces, with a configuration made for it (specification, section 4).
 */
import { encodeText } from "../system/text.ts";
import { HELD_LOCK, lockName } from "./attachment-lock.ts";
import { configurationText, readConfiguration } from "./configuration.ts";
import type { Role } from "./delegate.ts";
import { CniError, ErrorCode, quote } from "./error.ts";
import type { JsonObject } from "./fields.ts";
import { attachmentOf, type Plugin, type Request } from "./plugin.ts";

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

/**
 * The role of a delegate that makes the interface: any plugin but those that hand out addresses, and but `caller`, which would delegate
 * without end. `key` names the delegate in errors.
 */
export const interfaceRole = (request: Request, caller: string, key: string): Role => ({
  fits: (plugin) => !plugin.isIpam && plugin !== request.builtin(caller),
  unfit: (type) =>
    new CniError(
      ErrorCode.invalidConfiguration,
      `"${key}" is ${quote(type)}, which makes no interface by itself`,
      'name a plugin such as "bridge"',
    ),
  environment: { [HELD_LOCK]: lockName(attachmentOf(request)) },
});
