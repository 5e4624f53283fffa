/** What the executable says under a name that selects nothing: a copy, a link or an alias that nothing knows. */
import { ErrorCode } from "./cni/error.ts";
import { latestVersion } from "./cni/version.ts";
import { baseName, dirName } from "./system/path.ts";
import { writeStandardError, writeStandardOutput } from "./system/stdio.ts";

export interface NamedExecutable {
  /** argv[0]. */
  readonly called: string;
  /** Of the executable's file. */
  readonly path: string;
  readonly version: string;
  readonly plugins: readonly string[];
  /** The command's name, if the executable has one. */
  readonly command?: string;
}

/** Runtimes show what is on standard output, people see standard error. Returns the exit code. */
export function reportUnknownName(
  { called, path, version, plugins, command }: NamedExecutable,
  environment: Readonly<Record<string, string>>,
): number {
  const names = [...plugins, ...(command === undefined ? [] : [command])].join(", ");
  const name = baseName(path);
  const message = `called as ${JSON.stringify(baseName(called))}, which is not one of its plugins`;
  const another =
    command === undefined
      ? ""
      : `; or make this name an alias: podwire install --bin-dir ${dirName(path)} --alias ${name}=PLUGIN`;
  const advice = `call it by one of these names: ${names}${another}`;
  if ((environment["CNI_COMMAND"] ?? "") !== "") {
    const msg = `the executable ${path} is podwire ${version}, ${message}`;
    const error = { cniVersion: latestVersion, code: ErrorCode.invalidConfiguration, msg, details: advice };
    writeStandardOutput(`${JSON.stringify(error, undefined, 4)}\n`);
    return 1;
  }
  writeStandardError(`podwire: ${message}; ${advice}\n`);
  return 2;
}
