/** Finds the descriptions of all plugins: schema.ts in their folders. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PluginSchema } from "../../shared/cni/schema.ts";
import { findPluginFolders, type PluginFolder } from "../plugins.ts";

export interface Described extends PluginFolder {
  readonly schema: PluginSchema;
}

/** A plugin without schema.ts is an error. */
export async function findSchemas(): Promise<Described[]> {
  const found: Described[] = [];
  for (const each of findPluginFolders()) {
    const { href } = pathToFileURL(join(each.folder, "schema.ts"));
    found.push({ ...each, schema: ((await import(href)) as { default: PluginSchema }).default });
  }
  return found;
}
