/** Finds the descriptions of all plugins: schema.ts in their folders. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { PluginSchema } from "../../shared/cni/schema.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Described {
  readonly name: string;
  readonly folder: string;
  readonly isIpam: boolean;
  readonly schema: PluginSchema;
}

/** A plugin without schema.ts is an error. */
export async function findSchemas(): Promise<Described[]> {
  const found: Described[] = [];
  for (const kind of ["plugins", "ipam"]) {
    for (const name of readdirSync(join(root, kind)).sort()) {
      const folder = join(root, kind, name);
      if (!existsSync(join(folder, "index.ts"))) continue;
      const { default: schema } = (await import(pathToFileURL(join(folder, "schema.ts")).href)) as {
        default: PluginSchema;
      };
      found.push({ name, folder, isIpam: kind === "ipam", schema });
    }
  }
  return found;
}
