import type { CommandOptions, CommandResult } from "./command.ts";

/** The verbs of the CNI specification. */
export type CniCommand = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** One call of a plugin: what becomes CNI_* variables, and the configuration on standard input. */
export interface PluginCall {
  readonly command: CniCommand;
  readonly containerId?: string;
  /** CNI_NETNS: a path on the node, such as `addNetns` returns. */
  readonly netns?: string;
  readonly ifname?: string;
  /** CNI_ARGS, as `K=V;K=V`. */
  readonly args?: string;
  /** CNI_PATH; the folder of the executable by default. */
  readonly path?: string;
  /** An object is sent as JSON, a string or bytes as they are; without it standard input is empty. */
  readonly config?: object | string | Uint8Array;
  /** The environment beside the CNI_* variables; only a PATH by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working folder, as the node names it; the root folder by default. */
  readonly cwd?: string;
  readonly timeout?: number;
}

/** How a call ended. `json` is standard output as JSON, undefined when it is empty or is not JSON. */
export interface PluginRun extends CommandResult {
  // biome-ignore lint/suspicious/noExplicitAny: results and errors of any version, read by expectations
  readonly json: any;
}

const defaultEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

function variables(executable: string, call: PluginCall): Record<string, string> {
  const values: Record<string, string | undefined> = {
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifname,
    CNI_ARGS: call.args,
    CNI_PATH: call.path ?? executable.slice(0, executable.lastIndexOf("/")),
  };
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given);
}

function standardInput(config: PluginCall["config"]): string | Uint8Array {
  if (config === undefined) return "";
  return typeof config === "string" || config instanceof Uint8Array ? config : JSON.stringify(config);
}

/** A plugin call as options of a command. A failing plugin is a result, not an exception. */
export const pluginOptions = (executable: string, call: PluginCall): CommandOptions => ({
  env: { ...(call.env ?? defaultEnvironment), ...variables(executable, call) },
  input: standardInput(call.config),
  reject: false,
  ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
  ...(call.timeout === undefined ? {} : { timeout: call.timeout }),
});

/** Adds the JSON reading of standard output to what a plugin call printed. */
export function pluginRun(result: CommandResult): PluginRun {
  try {
    return { ...result, json: JSON.parse(result.stdout) };
  } catch {
    return { ...result, json: undefined };
  }
}
