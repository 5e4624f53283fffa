/** Compares a network with the others in its folder. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { Family } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, isSameCidr, overlaps } from "../../shared/ip/cidr.ts";
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { baseName, dirName, extName } from "../../shared/system/path.ts";
import { configurationsIn, extensions, filesIn } from "../network/configuration.ts";
import { readRegularFile } from "../node/regular-file.ts";
import { rangesOf } from "./addresses.ts";
import { error, type Finding, type Path, warning } from "./finding.ts";
import { formOf } from "./form.ts";

interface OtherNetwork {
  readonly file: string;
  readonly value: JsonObject;
}

function otherNetworks(file: string): OtherNetwork[] {
  const others = filesIn(dirName(file), extensions).filter((other) => other !== file);
  return others.flatMap((other) => {
    try {
      const value: unknown = JSON.parse(readRegularFile(other).text);
      return isObject(value) ? [{ file: other, value }] : [];
    } catch {
      return [];
    }
  });
}

/** libcni and podwire take the first network of a name: conflists first, then by the names of the files. */
function checkName(file: string, name: unknown, others: readonly OtherNetwork[]): Finding[] {
  const same = others.filter(({ value }) => value["name"] === name).map((other) => other.file);
  if (typeof name !== "string" || same.length === 0) return [];
  const message = `is also the name of the network in ${same.map(baseName).join(" and ")}`;
  const taken = configurationsIn(dirName(file)).find((each) => each === file || same.includes(each));
  const which = taken === file ? "this one is" : `that in ${baseName(taken ?? "")} is`;
  return [error(["name"], message, `${which} used, and no other: give each network a name of its own`)];
}

interface GatewayBridge {
  /** The interface with the gateway addresses, as the plugin bridge names it. */
  readonly device: string;
  readonly subnets: readonly Cidr[];
  readonly path: Path;
}

function gatewayBridges(file: string, value: JsonObject): GatewayBridge[] {
  const isList = formOf(file, value) === "list";
  const plugins = isList ? (Array.isArray(value["plugins"]) ? (value["plugins"] as unknown[]) : []) : [value];
  return plugins.flatMap((raw, index) => {
    if (!isObject(raw) || raw["type"] !== "bridge" || !isObject(raw["ipam"])) return [];
    if (raw["isGateway"] !== true && raw["isDefaultGateway"] !== true) return [];
    if (raw["forceAddress"] === true) return [];
    const { bridge, vlan } = raw;
    const name = typeof bridge === "string" && bridge !== "" ? bridge : "cni0";
    const device = typeof vlan === "number" && vlan !== 0 ? `${name}.${vlan}` : name;
    const subnets = rangesOf(raw["ipam"]).map(({ subnet }) => subnet);
    return [{ device, subnets, path: isList ? ["plugins", index, "bridge"] : ["bridge"] }];
  });
}

const ofFamily = (subnets: readonly Cidr[], family: Family) =>
  subnets.filter(({ address }) => address.family === family);

/** The bridge has one IPv4 address a subnet, so it serves the subnets of one network. IPv6 addresses stand beside each other. */
function isInTheWay(own: readonly Cidr[], others: readonly Cidr[]): boolean {
  const [own4, others4] = [ofFamily(own, 4), ofFamily(others, 4)];
  const differs = (one: Cidr) => !own4.some((each) => isSameCidr(each, one));
  if (own4.length > 0 && others4.some(differs)) return true;
  const isPart = (one: Cidr, other: Cidr) => overlaps(one, other) && !isSameCidr(one, other);
  return ofFamily(own, 6).some((one) => ofFamily(others, 6).some((other) => isPart(one, other)));
}

function checkBridge(own: GatewayBridge, others: readonly OtherNetwork[]): Finding[] {
  for (const { file, value } of others) {
    const other = gatewayBridges(file, value).find(
      ({ device, subnets }) => device === own.device && isInTheWay(own.subnets, subnets),
    );
    if (other === undefined) continue;
    const text = other.subnets.map(formatCidr).join(", ");
    const message = `${own.device} is also the gateway of the network in ${baseName(file)}, with ${text}: while containers of one of them run, ADD of the other fails`;
    return [warning(own.path, message, "give each network a bridge of its own")];
  }
  return [];
}

/** kubelet's runtimes take the first file of their folder, in the order of the names; others look for a name. */
function checkFirst(file: string, runtimeFolder: string): Finding[] {
  if (dirName(file) !== runtimeFolder) return [];
  const [first] = filesIn(runtimeFolder, extensions);
  if (first === undefined || first === file) return [];
  const message = `sorts after ${baseName(first)}, the only file that runtimes of Kubernetes take`;
  return [
    warning([], message, "podman, nerdctl and podwire find a network by its name, wherever its file is"),
  ];
}

/** The findings of a network in a folder. `runtimeFolder`: where runtimes look. */
export function checkFolder(given: string, value: JsonObject, runtimeFolder: string): Finding[] {
  if (!extensions.includes(extName(given))) return [];
  const file = absolutePath(given);
  const others = otherNetworks(file);
  return [
    ...checkName(file, value["name"], others),
    ...gatewayBridges(file, value).flatMap((own) => checkBridge(own, others)),
    ...checkFirst(file, absolutePath(runtimeFolder)),
  ];
}
