/** `podwire validate`: reports errors in configurations with their positions. */
import { fileStatus } from "../../shared/system/file-status.ts";
import { type Command, ExitCode, type Io, UsageError } from "../command.ts";
import { extensions, filesIn } from "../network/configuration.ts";
import { configurationFolder, pluginFolders } from "../network/runtime.ts";
import { printable } from "../printable.ts";
import { aliasesIn } from "./aliases.ts";
import type { Catalogue } from "./catalogue.ts";
import { findingText, type LocatedFinding, positionText, validateFile } from "./file.ts";
import { pathText } from "./finding.ts";

const colourOf = { error: 31, warning: 33 } as const;

function line(found: LocatedFinding, { colours }: Io): string {
  const { severity } = found;
  const word = colours ? `\u001b[${colourOf[severity]}m${severity}\u001b[0m` : severity;
  return `${positionText(found)}: ${word}: ${findingText(found)}\n`;
}

const asObject = ({ file, line: row, column, severity, path, message, advice }: LocatedFinding) => ({
  file,
  line: row,
  column,
  severity,
  path: pathText(path),
  message,
  advice,
});

/** Replaces a folder by the configurations in it. */
function expand(path: string): string[] {
  return fileStatus(path)?.isDirectory === true ? filesIn(path, extensions) : [path];
}

export function validateCommand(catalogue: Catalogue): Command {
  return {
    name: "validate",
    summary: "report errors in network configurations with their positions",
    usage: "[--json] FILE|FOLDER|-...",
    description: `Errors are what keeps a plugin from working: broken JSON, values of a wrong type, what plugins refuse, an
executable that is not in CNI_PATH, a plugin at a wrong place of its chain, two networks of one name. Warnings are what
works otherwise than it looks: keys and capabilities without effect, routes that lead nowhere, two networks on one bridge.
The exit code is 1 if there are errors. The file - is standard input.`,
    options: [{ name: "json", summary: "print a JSON list of findings" }],
    completions: ["file"],
    run: ({ positionals, flag }, io) => {
      if (positionals.length === 0) throw new UsageError("FILE is missing");
      const folders = pluginFolders(io);
      const node = { folders, configurations: configurationFolder(io) };
      const options = { catalogue, aliases: aliasesIn(folders), node };
      const files = positionals.flatMap(expand);
      const found = files.flatMap((file) => validateFile(file, options));
      if (flag("json")) io.out(`${JSON.stringify(found.map(asObject), undefined, 2)}\n`);
      else {
        for (const each of found) io.out(line(each, io));
        const clean = files.filter((file) => !found.some((each) => each.file === file));
        for (const file of clean) io.out(`${printable(file)}: ok\n`);
      }
      const hasErrors = found.some(({ severity }) => severity === "error");
      return hasErrors ? ExitCode.failure : ExitCode.success;
    },
  };
}
