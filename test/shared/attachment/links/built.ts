/** The plugins of this folder, built as executables of their own. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { buildPlugin } from "../../../../scripts/build-plugin.ts";
import { nativeToolchain } from "../../../../scripts/engine/toolchain.ts";
import { distFolder } from "../../../helpers/paths.ts";

/** Builds a plugin of the folder. Returns the path of the executable, which is in a new folder in dist. */
export const buildLinkPlugin = (name: string): Promise<string> =>
  buildPlugin({
    folder: join(import.meta.dirname, name),
    output: mkdtempSync(join(distFolder, ".build-links-")),
    version: "0.0.0",
    toolchain: nativeToolchain,
  });
