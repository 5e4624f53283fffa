/** The plugins of the project: found by their folders, so there is no list to keep. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export interface PluginFolder {
  readonly name: string;
  readonly folder: string;
  readonly isIpam: boolean;
}

/** The path of a file of the plugin's folder; undefined if it is not there. */
export function fileOf({ folder }: PluginFolder, name: string): string | undefined {
  const path = join(folder, name);
  return existsSync(path) ? path : undefined;
}

/**
 * The plugin's tests that need another kernel than this machine may have: they run in the virtual machine (test/vm). What every plugin
 * is asked here, such a plugin is asked there.
 */
export const scenariosOf = (plugin: PluginFolder): string | undefined => fileOf(plugin, "test/scenarios.ts");

interface Example {
  readonly name: string;
  readonly plugins: ({ readonly type: string } & Record<string, unknown>)[];
}

/** The network to copy in the plugin's folder, example.conflist; undefined if it has none. */
export function exampleOf(plugin: PluginFolder): Example | undefined {
  const file = fileOf(plugin, "example.conflist");
  return file === undefined ? undefined : (JSON.parse(readFileSync(file, "utf8")) as Example);
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
