/** The configuration of ipvlan, and what its attachments own. */

import { type Master, readMaster } from "../../shared/attachment/master.ts";
import { readMtu } from "../../shared/attachment/mtu.ts";
import type { SubInterface } from "../../shared/attachment/sub-interface.ts";
import { readMode } from "../../shared/attachment/sub-interface-mode.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { IpvlanMode, writeIpvlan } from "../../shared/netlink/ipvlan.ts";
import { explain } from "./explain.ts";

export const KIND = "ipvlan";
export const owned: Owned = { link: { place: "container", kind: KIND }, isFiltered: false };

export interface IpvlanConfig extends SubInterface {
  /** IPVLAN_MODE_*. */
  readonly mode: number;
}

/** In a chain, ADD of an earlier plugin gave the addresses unless there is an IPAM plugin. CHECK gets the own result as prevResult. */
function chainedAddresses({ command, configuration }: Request, isPrepared: boolean): Result | undefined {
  const { ipamType, prevResult, fields } = configuration;
  if (ipamType !== "" || command === "CHECK") return undefined;
  if (prevResult !== undefined && prevResult.ips.length > 0) return prevResult;
  if (command !== "ADD" || isPrepared) return undefined;
  const advice = `add "ipam": {"type": "host-local", ...}, or put ipvlan after a plugin that gives addresses`;
  throw fields.invalid("ipam", "names no plugin", advice);
}

/** As with the reference plugin, the master of a chained ADD is the only interface that the earlier plugins made. */
function chainedMaster(master: Master, { command, configuration }: Request): Master {
  const { prevResult, fields } = configuration;
  if (master.name !== undefined || prevResult === undefined || command !== "ADD") return master;
  const [first, ...more] = prevResult.interfaces;
  if (first !== undefined && first.name !== "" && more.length === 0) return { ...master, name: first.name };
  const advice = `set "master" to the interface to use`;
  throw fields.invalid("master", "is missing, and the earlier plugins made no or several interfaces", advice);
}

/**
 * Reads the configuration. `isPrepared`: there is no container yet, so what earlier plugins of the chain give is not there either. Throws
 * codes 6 and 7.
 */
export function readIpvlanConfig(request: Request, isPrepared = false): IpvlanConfig {
  const { fields } = request.configuration;
  const mode = readMode(fields, KIND, IpvlanMode, "l2");
  const addresses = chainedAddresses(request, isPrepared);
  return {
    kind: KIND,
    mode,
    master: chainedMaster(readMaster(fields), request),
    mtu: readMtu(fields, "the master's"),
    data: (writer) => writeIpvlan(writer, mode),
    explain,
    ...(addresses === undefined ? {} : { addresses }),
  };
}
