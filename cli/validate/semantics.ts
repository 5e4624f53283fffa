/** Finds what the plugins' own readers refuse. */
import { readConfiguration } from "../../shared/cni/configuration.ts";
import { CniError, messageOf } from "../../shared/cni/error.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { namePattern } from "../../shared/cni/names.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { isSupported, latestVersion } from "../../shared/cni/version.ts";
import type { Catalogue, KnownPlugin } from "./catalogue.ts";
import { DELEGATE, hasDelegate } from "./delegate.ts";
import { error, type Finding, type Path } from "./finding.ts";

/** Keys that all plugins of a network share. Other checks report errors in them. */
export interface NetworkKeys {
  readonly name: unknown;
  readonly cniVersion: unknown;
}

function requestOf(raw: JsonObject, { name, cniVersion }: NetworkKeys): Request {
  const isName = typeof name === "string" && namePattern.test(name);
  const isVersion = typeof cniVersion === "string" && isSupported(cniVersion);
  const configuration = {
    ...raw,
    name: isName ? name : "network",
    cniVersion: isVersion ? cniVersion : latestVersion,
  };
  return {
    command: "ADD",
    containerId: "validate",
    ifname: "eth0",
    netns: "",
    args: "",
    path: [],
    configuration: readConfiguration(configuration, "ADD"),
    input: new Uint8Array(0),
    environment: {},
    builtin: () => undefined,
  };
}

/** Errors name a key by its path: "ipam.ranges[0][0].subnet" must be a string. */
const namedKey = /^"([^"]+)" /;

function splitPath(text: string): (string | number)[] {
  return [...text.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
}

function findingOf(thrown: unknown, path: Path): Finding {
  if (!(thrown instanceof CniError)) return error(path, messageOf(thrown));
  const [start, key] = namedKey.exec(thrown.message) ?? [];
  if (start === undefined || key === undefined) return error(path, thrown.message, thrown.details);
  return error([...path, ...splitPath(key)], thrown.message.slice(start.length), thrown.details);
}

function delegateOf(request: Request, catalogue: Catalogue): KnownPlugin | undefined {
  const plugin = catalogue[request.configuration.ipamType];
  return plugin?.isIpam === true ? plugin : undefined;
}

/** Runs a reader, and makes a finding of its error. Readers stop at the first error. */
function attempt(work: () => Request | undefined, path: Path): { next?: Request; findings: Finding[] } {
  try {
    const next = work();
    return { findings: [], ...(next === undefined ? {} : { next }) };
  } catch (thrown) {
    return { findings: [findingOf(thrown, path)] };
  }
}

function checkRequest(plugin: KnownPlugin, request: Request, path: Path, catalogue: Catalogue): Finding[] {
  const { next, findings } = attempt(() => plugin.validate(request), path);
  if (next !== undefined) {
    const other = catalogue[next.configuration.type];
    const isInside = hasDelegate(request.configuration.type, catalogue);
    const inside = isInside ? [...path, DELEGATE] : path;
    return other === undefined ? [] : checkRequest(other, next, inside, catalogue);
  }
  const ipam = delegateOf(request, catalogue);
  // vxlan makes the next plugin's request from its own keys, so their errors would be reported twice.
  if (ipam === undefined || (findings.length > 0 && request.configuration.type === "vxlan")) return findings;
  return [...findings, ...attempt(() => ipam.validate(request), path).findings];
}

/** Findings that ADD would throw for one plugin's configuration; none for plugins that are not ours. */
export function checkByReaders(
  raw: unknown,
  networkKeys: NetworkKeys,
  path: Path,
  catalogue: Catalogue,
): Finding[] {
  if (!isObject(raw) || typeof raw["type"] !== "string") return [];
  const plugin = catalogue[raw["type"]];
  if (plugin === undefined || plugin.isIpam) return [];
  try {
    return checkRequest(plugin, requestOf(raw, networkKeys), path, catalogue);
  } catch (thrown) {
    return [findingOf(thrown, path)];
  }
}
