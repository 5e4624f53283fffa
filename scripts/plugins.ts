/** The plugins of the project: found by their folders, so there is no list to keep. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export interface PluginFolder {
  readonly name: string;
  readonly folder: string;
  readonly isIpam: boolean;
}

/** Folders in plugins/ and ipam/ that have an index.ts. One whose name begins with "_" is for people: plugins/_template. */
export function findPluginFolders(): PluginFolder[] {
  return ["plugins", "ipam"].flatMap((kind) =>
    readdirSync(join(root, kind))
      .sort()
      .filter((name) => !name.startsWith("_") && existsSync(join(root, kind, name, "index.ts")))
      .map((name) => ({ name, folder: join(root, kind, name), isIpam: kind === "ipam" })),
  );
}
