/** The inputs that cnitool takes from its environment and command line (cnitool/cnitool.go). */
import { CniError, ErrorCode, messageOf, quote } from "../../shared/cni/error.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { interfaceNameProblem, nameProblem } from "../../shared/cni/names.ts";
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { ownExecutablePath } from "../../shared/system/own-process.ts";
import { dirName } from "../../shared/system/path.ts";
import type { Io } from "../command.ts";

const DEFAULT_CONFIGURATIONS = "/etc/cni/net.d";

/** One interface of a container, and the runtime's parameters for it. */
export interface RuntimeCall {
  readonly containerId: string;
  /** The absolute path of the container's network namespace. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS in pairs; undefined if it is not set. */
  readonly args: readonly (readonly [string, string])[] | undefined;
  /** CAP_ARGS; undefined if it is not set. */
  readonly capabilityArgs: JsonObject | undefined;
}

/** NETCONFPATH. */
export const configurationFolder = ({ environment }: Io) =>
  (environment["NETCONFPATH"] ?? "") === "" ? DEFAULT_CONFIGURATIONS : (environment["NETCONFPATH"] as string);

/** CNI_PATH; by default the folder of this executable. */
export function pluginFolders({ environment }: Io): string[] {
  const path = environment["CNI_PATH"] ?? "";
  return path === "" ? [dirName(ownExecutablePath())] : path.split(":").filter((folder) => folder !== "");
}

function badEnvironment(message: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, message, advice);
}

function readArgs(text: string): [string, string][] {
  return text.split(";").map((pair) => {
    const [key = "", value = "", ...more] = pair.split("=");
    if (key !== "" && value !== "" && more.length === 0) return [key, value];
    throw badEnvironment(`CNI_ARGS has an invalid pair ${quote(pair)}`, "write KEY=value;KEY=value");
  });
}

function readCapabilityArgs(text: string): JsonObject {
  const advice = `write a JSON object, such as {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw badEnvironment(`CAP_ARGS is not JSON: ${messageOf(thrown)}`, advice);
  }
  if (isObject(value)) return value;
  throw badEnvironment(`CAP_ARGS is ${quote(value)}`, advice);
}

/** cnitool has no container ids: it derives one from the namespace's path. */
export function containerIdOf(netns: string): string {
  return `cnitool-${sha512(netns).slice(0, 20)}`;
}

/** Reads the parameters of a call. `containerId` overrides the derived one. Throws code 4. */
export function readRuntimeCall(netns: string, containerId: string | undefined, io: Io): RuntimeCall {
  const { environment } = io;
  const ifname = environment["CNI_IFNAME"] ?? "eth0";
  const fault = interfaceNameProblem(ifname);
  if (ifname === "" || fault !== undefined)
    throw badEnvironment(`CNI_IFNAME is invalid: ${quote(ifname)}`, fault ?? "give the interface a name");
  const path = absolutePath(netns);
  const id = containerId ?? containerIdOf(path);
  const idProblem = nameProblem(id);
  if (idProblem !== undefined) throw badEnvironment(`the container ID is invalid: ${quote(id)}`, idProblem);
  const args = environment["CNI_ARGS"] ?? "";
  const capabilities = environment["CAP_ARGS"] ?? "";
  return {
    containerId: id,
    netns: path,
    ifname,
    args: args === "" ? undefined : readArgs(args),
    capabilityArgs: capabilities === "" ? undefined : readCapabilityArgs(capabilities),
  };
}
