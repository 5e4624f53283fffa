/** `podwire install`: installs the executables in the folder of a container runtime. */
import { type Arguments, type Command, ExitCode, type Io, type Option, UsageError } from "../command.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import { chosenAliases } from "./aliases.ts";
import { type InstallRequest, install, type Report } from "./install.ts";
import { listenForTermination } from "./termination.ts";

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
  if (names.length === 0) throw new UsageError("--plugins is empty; without it all plugins are installed");
  return [...new Set(names)];
}

function folderOf(args: Arguments, option: string, usual: string): string {
  const folder = args.text(option) ?? usual;
  if (folder === "") throw new UsageError(`--${option} needs a folder`);
  return folder;
}

function requestOf(args: Arguments, all: readonly string[], io: Io): InstallRequest {
  const [unexpected] = args.positionals;
  if (unexpected !== undefined)
    throw new UsageError(
      `${JSON.stringify(unexpected)} is one argument too many: folders are given by options`,
    );
  const binFolder = folderOf(args, "bin-dir", defaultBinFolder);
  const chosen = args.texts("plugins");
  const names = chosenNames(chosen, all);
  const aliases = chosenAliases(
    args.texts("alias"),
    all.filter((name) => name !== "podwire"),
  );
  const wanted = { binFolder, names, aliases, isWhole: chosen.length === 0 };
  const source = args.text("conf");
  if (source === "") throw new UsageError("--conf needs a file");
  if (source === undefined) {
    const without = ["conf-dir", "conf-name", "node"].find((option) => args.text(option) !== undefined);
    if (without !== undefined) throw new UsageError(`--${without} needs --conf: it is about a configuration`);
    return wanted;
  }
  const folder = folderOf(args, "conf-dir", defaultConfFolder);
  const node = args.text("node") ?? io.environment["NODE_NAME"];
  return { ...wanted, configuration: { source, folder, name: args.text("conf-name"), node } };
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

const description =
  "Installs the running executable under the name of each plugin and as podwire, as hard links of one file.\n" +
  "Each name is always the whole old or the whole new file; identical files are not rewritten.\n" +
  "After an error nothing has changed. A network configuration is written only with --conf.";

const optionsFor = (names: readonly string[]): readonly Option[] => [
  {
    name: "bin-dir",
    value: "FOLDER",
    summary: `the folder for the executables; default ${defaultBinFolder}`,
    completion: "folder",
  },
  {
    name: "plugins",
    value: "NAMES",
    multiple: true,
    summary: "only these, separated by commas, instead of all plugins and podwire",
    completion: names,
  },
  {
    name: "alias",
    value: "NAME=PLUGIN",
    multiple: true,
    summary: "also install this plugin under another name, such as cnv-bridge=bridge",
  },
  {
    name: "conf",
    value: "FILE",
    summary: "also install this conflist, or from a folder the one for this node",
    completion: "file",
  },
  { name: "node", value: "NAME", summary: "take NAME.conflist from the folder; default $NODE_NAME" },
  { name: "conf-name", value: "NAME", summary: "the name of the installed file; default its own" },
  {
    name: "conf-dir",
    value: "FOLDER",
    summary: `the folder for the conflist; default ${defaultConfFolder}`,
    completion: "folder",
  },
  { name: "stay", summary: "wait afterwards until SIGTERM, as a DaemonSet has to" },
  { name: "json", summary: "print the changes or the error as JSON" },
];

/** Returns the command for this version. It installs the executable under its own name and each plugin's name. */
export function installCommand(catalogue: Catalogue, version: string): Command {
  const names = [...Object.keys(catalogue), "podwire"];
  return {
    name: "install",
    summary: "install the plugins into the folder where container runtimes look for them",
    usage: "[options]",
    description,
    options: optionsFor(names),
    run: (args, io) => {
      const request = requestOf(args, names, io);
      // Listen before the work starts: the kernel gives the first process of a container only signals that it handles.
      const termination = listenForTermination();
      print(install(request, catalogue, termination), args.flag("json"), version, io);
      if (args.flag("stay")) termination.stay();
      return ExitCode.success;
    },
  };
}
