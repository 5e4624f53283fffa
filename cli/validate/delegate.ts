/** The plugin inside another one's configuration, under the key `delegate`: flannel has one. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { Catalogue } from "./catalogue.ts";

export const DELEGATE = "delegate";

/** Whether a plugin of ours delegates to the one under that key. */
export const hasDelegate = (type: unknown, catalogue: Catalogue): boolean =>
  type === "flannel" && catalogue[type] !== undefined;

/**
 * The configuration of the delegate; undefined for a plugin without one. `stated` is the plugin's configuration as it is written, with
 * further names of plugins.
 */
export function delegateIn(raw: unknown, catalogue: Catalogue, stated = raw): JsonObject | undefined {
  if (!isObject(raw) || !isObject(stated) || !hasDelegate(raw["type"], catalogue)) return undefined;
  const delegate = stated[DELEGATE];
  return { type: "bridge", ...(isObject(delegate) ? delegate : {}) };
}
