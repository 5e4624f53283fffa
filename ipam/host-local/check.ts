/** CHECK: the result's addresses are reserved for this attachment. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { lockLimit } from "../../shared/system/folder-lock.ts";
import { storeAdvice, withAdvice } from "./advice.ts";
import {
  type HostLocalConfiguration,
  readHostLocal,
  readStoreLocation,
  type StoreLocation,
} from "./configuration.ts";
import { NetworkFolder } from "./folder.ts";
import { rangeOf } from "./range.ts";
import { type Owner, parseReservation } from "./records.ts";
import { Store } from "./store.ts";

/** The addresses of prevResult that are in our ranges; another IPAM plugin of the chain may have added others. */
function expectedNames(request: Request, { sets }: HostLocalConfiguration): string[] {
  const addresses = (request.configuration.prevResult?.ips ?? []).map(({ address }) => address.address);
  return addresses.filter((address) => sets.some((set) => rangeOf(set, address) !== undefined)).map(formatIp);
}

/** A reservation appears and vanishes whole (rename, unlink), so reading it needs no lock. */
function holderOf({ dataDir, network }: StoreLocation, name: string): Owner | undefined {
  const text = new NetworkFolder(`${dataDir}/${network}`).read(name)?.text;
  return text === undefined ? undefined : parseReservation(text);
}

/** A reservation without an interface's name is for all interfaces of its container. */
const isHeldBy = (holder: Owner | undefined, { containerId, ifname }: Owner): boolean =>
  holder?.containerId === containerId && (holder.ifname === ifname || holder.ifname === "");

/** Whether one of the addresses is reserved for the request's attachment, or else for another one. Undefined: none is reserved. */
export function isReservedFor(
  { containerId, ifname, configuration }: Request,
  addresses: readonly IpAddress[],
): boolean | undefined {
  const location = readStoreLocation(configuration);
  const owner = { containerId, ifname };
  return withAdvice(storeAdvice(location.dataDir), () => {
    const holders = addresses.map((address) => holderOf(location, formatIp(address)));
    if (holders.some((holder) => isHeldBy(holder, owner))) return true;
    return holders.some((holder) => holder !== undefined) ? false : undefined;
  });
}

function checkReserved({ dataDir, network }: HostLocalConfiguration, owner: Owner, name: string): void {
  const holder = holderOf({ dataDir, network }, name);
  if (isHeldBy(holder, owner)) return;
  const found =
    holder === undefined ? "no container" : `container ${holder.containerId} ${holder.ifname}`.trimEnd();
  throw new CniError(
    ErrorCode.internal,
    `the address ${name} of container ${owner.containerId} ${owner.ifname} is reserved for ${found}`,
    `${dataDir}/${network} was changed by hand, or the attachment was deleted: run DEL and ADD`,
  );
}

function checkAny(request: Request, configuration: HostLocalConfiguration, owner: Owner): void {
  const store = Store.open(configuration, lockLimit(request.environment));
  try {
    if (store?.find(owner) !== undefined || store?.find({ ...owner, ifname: "" }) !== undefined) return;
  } finally {
    store?.close();
  }
  throw new CniError(
    ErrorCode.internal,
    `no address is reserved for container ${owner.containerId} ${owner.ifname} in network ${configuration.network}`,
    "the attachment was deleted, or never made: run DEL and ADD",
  );
}

export function check(request: Request): void {
  const configuration = readHostLocal(request.configuration);
  const { containerId, ifname } = request;
  const owner = { containerId, ifname };
  const names = expectedNames(request, configuration);
  withAdvice(storeAdvice(configuration.dataDir), () => {
    for (const name of names) checkReserved(configuration, owner, name);
    if (names.length === 0) checkAny(request, configuration, owner);
  });
}
