/** Further names of plugins in configurations: each check sees the plugin that a name stands for. */
import { type Aliases, readAliases } from "../../shared/aliases.ts";
import { isObject } from "../../shared/cni/fields.ts";
import { DELEGATE } from "./delegate.ts";

/** The further names in the folders of executables. The first folder that has one counts. */
export const aliasesIn = (folders: readonly string[]): Aliases =>
  new Map([...folders].reverse().flatMap((folder) => [...readAliases(folder)]));

/** An object with the name of the plugin that its type stands for. */
function renamed(value: unknown, aliases: Aliases): unknown {
  if (!isObject(value) || typeof value["type"] !== "string") return value;
  const type = aliases.get(value["type"]);
  return type === undefined ? value : { ...value, type };
}

function renamedPlugin(value: unknown, aliases: Aliases): unknown {
  const plugin = renamed(value, aliases);
  if (!isObject(plugin)) return plugin;
  const inside = ["ipam", DELEGATE].flatMap((key) =>
    isObject(plugin[key]) ? [[key, renamed(plugin[key], aliases)]] : [],
  );
  return { ...plugin, ...Object.fromEntries(inside) };
}

/** A network, or one plugin, with the names of the plugins that its types stand for. */
export function withoutAliases(value: unknown, aliases: Aliases | undefined): unknown {
  if (aliases === undefined || aliases.size === 0) return value;
  const own = renamedPlugin(value, aliases);
  if (!isObject(own) || !Array.isArray(own["plugins"])) return own;
  return { ...own, plugins: own["plugins"].map((plugin) => renamedPlugin(plugin, aliases)) };
}
