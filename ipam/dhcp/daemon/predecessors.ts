/**
 * Leases that the reference plugin's daemon acquired: it has no files. libcni keeps the configuration and the result of each attachment
 * (libcni/api.go, cachedInfo), and a server confirms the address.
 */
import { toByteArray } from "base64-js";
import { readConfiguration } from "../../../shared/cni/configuration.ts";
import { CniError, messageOf } from "../../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject } from "../../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { readResult } from "../../../shared/cni/result-input.ts";
import { latestVersion } from "../../../shared/cni/version.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { KernelError } from "../../../shared/system/kernel-error.ts";
import { listOwnFolder, readOwnFile } from "../../../shared/system/own-file.ts";
import { decodeText } from "../../../shared/system/text.ts";
import { readDhcp } from "../configuration.ts";
import { findInterface, NoInterface } from "../lease/interface.ts";
import { ownerName } from "../lease/owner.ts";
import type { Wanted } from "./acquisition.ts";
import type { DaemonOptions } from "./arguments.ts";
import type { Leases } from "./leases.ts";
import { log } from "./log.ts";

const FOLDER = "/var/lib/cni/results";

interface Attached {
  readonly owner: AttachmentKey;
  readonly netns: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** The plugin's configuration with its section `ipam`. */
  readonly plugin: JsonObject;
  /** The address as a number. */
  readonly address: number;
}

/** The plugin of a network that asks this plugin for addresses. A configuration of one plugin has no list. */
function pluginOf(network: JsonObject): JsonObject | undefined {
  const { plugins } = network;
  const all = Array.isArray(plugins) ? plugins.filter(isObject) : [network];
  const plugin = all.find(({ ipam }) => isObject(ipam) && ipam["type"] === "dhcp");
  return plugin && { ...plugin, cniVersion: network["cniVersion"], name: network["name"] };
}

/** Throws for what libcni has not written. */
function parse(text: string): Attached | undefined {
  const entry = JSON.parse(text) as JsonObject;
  const fields = new Fields(entry);
  const network: unknown = JSON.parse(decodeText(toByteArray(fields.text("config") ?? "")));
  const plugin = isObject(network) ? pluginOf(network) : undefined;
  const { result } = entry;
  if (plugin === undefined || !isObject(result)) return undefined;
  const ip = readResult(result, latestVersion, "result").ips.find(
    ({ address }) => address.address.family === 4,
  );
  const pairs = (fields.list("cniArgs") ?? []).map((pair) => (Array.isArray(pair) ? pair.join("=") : ""));
  const owner = {
    network: fields.text("networkName") ?? "",
    containerId: fields.text("containerId") ?? "",
    ifname: fields.text("ifName") ?? "",
  };
  const netns = fields.text("netns") ?? "";
  if (ip === undefined || netns === "") return undefined;
  return { owner, netns, args: pairs.join(";"), plugin, address: Number(ip.address.address.value) };
}

function readAttached(path: string): Attached | undefined {
  try {
    const text = readOwnFile(path);
    return text === undefined ? undefined : parse(text);
  } catch {
    // Another program's file: it says nothing of a lease.
    return undefined;
  }
}

function wantedOf(
  { owner, netns, args, plugin }: Attached,
  { hostPrefix, socketPath }: DaemonOptions,
): Wanted | undefined {
  const configured = readDhcp(readConfiguration(plugin, "ADD"), args);
  if (configured.socketPath !== socketPath) return undefined;
  const place = findInterface(`${hostPrefix}${netns}`, owner.ifname, { bringsUp: false });
  const { requested, provided, priority } = configured;
  return { owner, place, client: { requested, provided }, priority };
}

/** Takes up the leases of living containers that have no file. A server that does not answer now is asked again by CHECK. */
export function takeUpPredecessors(leases: Leases, options: DaemonOptions): void {
  const folder = `${options.hostPrefix}${FOLDER}`;
  for (const name of listOwnFolder(folder)) {
    const attached = readAttached(`${folder}/${name}`);
    if (attached === undefined || leases.find(attached.owner) !== undefined) continue;
    try {
      const wanted = wantedOf(attached, options);
      if (wanted === undefined) continue;
      const goal = { kind: "confirm", wanted: attached.address } as const;
      leases.acquire(wanted, goal, (outcome) => {
        if (outcome instanceof CniError) log(outcome.message);
      });
    } catch (thrown) {
      const isExpected = thrown instanceof CniError || thrown instanceof KernelError;
      // The container is gone, and its runtime has not noticed.
      if (thrown instanceof NoInterface) continue;
      if (!isExpected) throw thrown;
      const address = formatIp({ family: 4, value: BigInt(attached.address) });
      log(`${ownerName(attached.owner)}: ${address} is not taken up: ${messageOf(thrown)}`);
    }
  }
}
