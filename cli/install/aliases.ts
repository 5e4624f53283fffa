/** Further names of plugins: `--alias NAME=PLUGIN`. */
import { ALIAS_FILE, type Aliases, aliasOf, aliasText, readAliases } from "../../shared/aliases.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { removeFile } from "../../shared/system/file.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
import { UsageError } from "../command.ts";
import { contentOfText } from "./content.ts";
import { replaceAll } from "./replace.ts";
import type { Termination } from "./termination.ts";

/** The aliases in these options, each a list with commas. `plugins`: those of the executable, without the command. */
export function chosenAliases(given: readonly string[], plugins: readonly string[]): Aliases {
  const aliases = new Map<string, string>();
  for (const text of given.flatMap((list) => list.split(",")).filter((each) => each !== "")) {
    const [[name, plugin] = ["", ""]] = aliasOf(text);
    if (name === "")
      throw new UsageError(`--alias: ${JSON.stringify(text)} is not NAME=PLUGIN, such as cnv-bridge=bridge`);
    if (!plugins.includes(plugin))
      throw new UsageError(
        `--alias: there is no plugin ${JSON.stringify(plugin)}; there are ${plugins.join(", ")}`,
      );
    if (plugins.includes(name) || name === "podwire")
      throw new UsageError(`--alias: ${name} is a name of podwire's own: choose another one`);
    aliases.set(name, plugin);
  }
  return aliases;
}

/** The aliases of the folder whose names are there: a removed one does not come back. */
export const presentAliases = (folder: string): string[] =>
  [...readAliases(folder).keys()].filter((name) => linkStatus(`${folder}/${name}`) !== undefined);

const write = (folder: string, aliases: Aliases, termination: Termination) =>
  replaceAll(folder, [ALIAS_FILE], contentOfText(aliasText(aliases), 0o644), termination);

/** Adds aliases to those of the folder. A failure of the installation brings the former ones back. */
export function writeAliases(folder: string, added: Aliases, undo: Rollback, termination: Termination): void {
  if (added.size === 0) return;
  const former = readAliases(folder);
  undo.onFailure(() => {
    if (former.size === 0) removeFile(`${folder}/${ALIAS_FILE}`);
    else write(folder, former, termination);
  });
  write(folder, new Map([...former, ...added]), termination);
}
