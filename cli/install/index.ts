/** `podwire install`: installs the executables in the folder of a container runtime. */
import { type Arguments, type Command, ExitCode, type Io, UsageError } from "../command.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import { install, type Report, type Wish } from "./install.ts";
import { listenForEnd } from "./stay.ts";

const defaultBinFolder = "/opt/cni/bin";
const defaultConfFolder = "/etc/cni/net.d";

const isGiven = (text: string): boolean => text !== "";

function chosenNames(given: readonly string[], all: readonly string[]): readonly string[] {
  if (given.length === 0) return all;
  const names = given.flatMap((list) => list.split(",")).filter(isGiven);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new UsageError(
      `--plugins: there is no plugin ${JSON.stringify(unknown)}; there are ${all.join(", ")}`,
    );
  if (names.length === 0) throw new UsageError("--plugins names no plugin; without it all are installed");
  return [...new Set(names)];
}

function folderOf(args: Arguments, option: string, usual: string): string {
  const folder = args.text(option) ?? usual;
  if (folder === "") throw new UsageError(`--${option} needs a folder`);
  return folder;
}

function wishOf(args: Arguments, all: readonly string[], io: Io): Wish {
  const [stray] = args.positionals;
  if (stray !== undefined)
    throw new UsageError(`${JSON.stringify(stray)} is too much: folders are given by options`);
  const binFolder = folderOf(args, "bin-dir", defaultBinFolder);
  const names = chosenNames(args.texts("plugins"), all);
  const source = args.text("conf");
  if (source === "") throw new UsageError("--conf needs a file");
  if (source === undefined) {
    const without = ["conf-dir", "conf-name", "node"].find((option) => args.text(option) !== undefined);
    if (without !== undefined)
      throw new UsageError(`--${without} is about a configuration: --conf is missing`);
    return { binFolder, names };
  }
  const folder = folderOf(args, "conf-dir", defaultConfFolder);
  const node = args.text("node") ?? io.environment["NODE_NAME"];
  return { binFolder, names, configuration: { source, folder, name: args.text("conf-name"), node } };
}

function print(report: Report, isJson: boolean, version: string, io: Io): void {
  if (isJson) io.out(`${JSON.stringify({ version, ...report }, undefined, 2)}\n`);
  else {
    for (const { name, action } of report.executables) io.out(`${report.binDir}/${name}: ${action}\n`);
    const { configuration } = report;
    if (configuration !== undefined) io.out(`${configuration.file}: ${configuration.action}\n`);
  }
  for (const warning of report.warnings) io.err(`podwire install: warning: ${warning}\n`);
}

/** Returns the command for this version. It installs the executable under its own name and each plugin's name. */
export function installCommand(catalogue: Catalogue, version: string): Command {
  const names = [...Object.keys(catalogue), "podwire"];
  return {
    name: "install",
    summary: "install the plugins into the folder where container runtimes look for them",
    usage: "[options]",
    description:
      "The executable that runs is installed itself, under the name of each plugin and as podwire, as hard links of one file.\n" +
      "A name is at any moment the whole old or the whole new file; what is there already is left as it is.\n" +
      "After an error nothing is changed. A network configuration is written only if --conf says so.",
    options: [
      {
        name: "bin-dir",
        value: "FOLDER",
        summary: `where the executables go; ${defaultBinFolder} unless told`,
        completion: "folder",
      },
      {
        name: "plugins",
        value: "NAMES",
        multiple: true,
        summary: "only these, with commas between them, instead of all plugins and podwire",
        completion: names,
      },
      {
        name: "conf",
        value: "FILE",
        summary: "also write this conflist, or the one for this node of a folder",
        completion: "file",
      },
      { name: "node", value: "NAME", summary: "of a folder, the file NAME.conflist; $NODE_NAME unless told" },
      { name: "conf-name", value: "NAME", summary: "the name to write it under; its own unless told" },
      {
        name: "conf-dir",
        value: "FOLDER",
        summary: `where the conflist goes; ${defaultConfFolder} unless told`,
        completion: "folder",
      },
      { name: "stay", summary: "stay up afterwards until SIGTERM, as a DaemonSet has to" },
      { name: "json", summary: "print what was done, or why not, as JSON" },
    ],
    run: (args, io) => {
      const wish = wishOf(args, names, io);
      // Listen before the work starts: the kernel gives the first process of a container only signals that it handles.
      const end = listenForEnd();
      print(install(wish, catalogue, end), args.flag("json"), version, io);
      if (args.flag("stay")) end.stay();
      return ExitCode.success;
    },
  };
}
